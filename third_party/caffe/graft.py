"""Grafts our messages and fields onto ``caffe.proto``.

A graft file is ordinary proto2: a message that Caffe has gains the body given;
any other is added. Field numbers and names are checked for clashes here, since
protoc would name a line of the generated file, which nobody wrote.
"""

from __future__ import annotations

import re


class GraftError(RuntimeError):
    """A graft clashes with Caffe's proto or another graft."""


def _strip_comments(text: str) -> str:
    """Blanks comments and string contents, keeping every offset."""

    def blank(match: re.Match) -> str:
        return re.sub(r"[^\n]", " ", match.group())

    return re.sub(r"//[^\n]*|/\*[\s\S]*?\*/|\"[^\"\n]*\"|'[^'\n]*'", blank, text)


def _close(bare: str, opening: int) -> int:
    """Offset of the brace that closes the one at ``opening``."""
    depth = 0
    for at in range(opening, len(bare)):
        depth += {"{": 1, "}": -1}.get(bare[at], 0)
        if depth == 0:
            return at
    raise GraftError("unbalanced braces")


def messages(text: str) -> dict[str, tuple[int, int, int]]:
    """Top-level messages: name -> (start with its comment, body start, body end)."""
    bare = _strip_comments(text)
    found = {}
    at = 0
    pattern = re.compile(r"^message\s+(\w+)\s*\{", re.M)
    while match := pattern.search(bare, at):
        opening = match.end() - 1
        end = _close(bare, opening)
        start = match.start()
        while start and text[:start].rstrip("\n").rsplit("\n", 1)[-1].startswith("//"):
            start = text[: start - 1].rfind("\n") + 1
        found[match.group(1)] = (start, opening + 1, end)
        at = end
    return found


def fields(body: str) -> dict[str, int]:
    """Fields of a message body, without those of nested messages."""
    bare = _strip_comments(body)
    while nested := re.search(r"\b(?:message|enum)\s+\w+\s*\{", bare):
        end = _close(bare, nested.end() - 1)
        bare = bare[: nested.start()] + bare[end + 1 :]
    pairs = re.findall(r"(\w+)\s*=\s*(\d+)\s*(?:\[[^\]]*\])?\s*;", bare)
    return {name: int(number) for name, number in pairs}


def graft(proto: str, name: str, addition: str) -> str:
    """Returns ``proto`` with the graft file ``addition`` (called ``name``) added."""
    added = messages(addition)
    for message, (start, body, end) in added.items():
        existing = messages(proto)
        if message not in existing:
            proto = f"{proto.rstrip()}\n\n{addition[start:end]}}}\n"
            continue
        _, old_body, old_end = existing[message]
        old = fields(proto[old_body:old_end])
        for field, number in fields(addition[body:end]).items():
            for other, taken in old.items():
                if field == other or number == taken:
                    raise GraftError(
                        f"{name}: {message}.{field} = {number} clashes with "
                        f"{other} = {taken} of Caffe or an earlier graft"
                    )
        inserted = f"\n  // From {name}.\n{addition[body:end].rstrip()}\n"
        proto = proto[:old_end] + inserted + proto[old_end:]
    return proto
