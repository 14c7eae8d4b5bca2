"""Which steps are done, on what, and what they made: one JSON file.

    {"format": 1,
     "steps": {"split 1: train spatial": {
         "inputs": {...}, "outputs": {"weights": "split1/..."},
         "sha256": {"weights": "..."}, "seconds": 12.3, "finished": "..."}},
     "begun": {"split 1: train temporal": {...its inputs}}}

A step counts as done while its inputs are the same values and its outputs have
the same bytes. Inputs are settings and fingerprints of files, so what changes is
done again, with all that follows from it, and nothing else.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from two_stream.console import note
from two_stream.errors import UserError
from two_stream.files import sha256, write_json

FORMAT = 1

Outputs = dict[str, Path]
Work = Callable[[bool], Mapping[str, Path]]
"""Does a step; takes whether it was begun on these inputs before."""


class State:
    """The markers of all steps; each is on disk as soon as its step is done."""

    def __init__(self, path: Path):
        """Reads the file, if there is one; raises UserError if it is damaged."""
        self.path = path
        self.done: dict[str, dict[str, Any]] = {}
        self._begun: dict[str, Any] = {}
        if path.is_file():
            self._read()

    def _read(self) -> None:
        try:
            value = json.loads(self.path.read_text(encoding="utf-8"))
            found = value["format"]
            self.done, self._begun = dict(value["steps"]), dict(value["begun"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{self.path}: damaged ({error!r}); remove it, and all is done again"
            ) from None
        if found != FORMAT:
            raise UserError(
                f"{self.path}: format {found}, this version reads {FORMAT}; choose "
                "another --out"
            )

    def step(
        self,
        name: str,
        inputs: Mapping[str, Any],
        work: Work,
        discard: Callable[[], None] = lambda: None,
    ) -> Outputs:
        """Returns the step's outputs; works only if they are not there yet.

        ``discard`` removes what is left of work on other inputs, before it could
        be taken for work on these.
        """
        wanted = json.loads(json.dumps(inputs))  # as it will be read back
        cause = self._why_again(name, wanted)
        if cause is None:
            note(f"= {name}: done before")
            return self.outputs(name)
        begun = self._begun.get(name) == wanted
        doing = "goes on" if begun else cause
        note(f"> {name}" + (f" ({doing})" if doing else ""))
        self.done.pop(name, None)
        if not begun:
            discard()
        self._begun[name] = wanted
        self._write()
        started = time.monotonic()
        made = work(begun)
        del self._begun[name]
        self.done[name] = {
            "inputs": wanted,
            "outputs": {role: self._shown(path) for role, path in made.items()},
            "sha256": {role: sha256(path) for role, path in made.items()},
            "seconds": round(time.monotonic() - started, 3),
            "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        self._write()
        return dict(made)

    def forget(self, name: str) -> None:
        """Has a step be done again: something it made is gone."""
        self.done.pop(name, None)

    def outputs(self, name: str) -> Outputs:
        """Returns what a step that is done has made, by role."""
        made = self.done[name]["outputs"]
        return {role: self.path.parent / path for role, path in made.items()}

    def fingerprint(self, name: str, role: str) -> str:
        """Returns the SHA-256 of an output of a step that is done."""
        return self.done[name]["sha256"][role]

    def _why_again(self, name: str, wanted: dict[str, Any]) -> str | None:
        """Returns why a step must be done, None if it need not, "" if never done."""
        marker = self.done.get(name)
        if marker is None:
            return ""
        before = marker["inputs"]
        changed = [
            key
            for key in sorted({*before, *wanted})
            if before.get(key) != wanted.get(key)
        ]
        if changed:
            return f"again: {', '.join(changed)} changed"
        for role, path in self.outputs(name).items():
            if not path.is_file():
                return f"again: {path} is gone"
            if sha256(path) != marker["sha256"][role]:
                return f"again: {path} was changed"
        return None

    def _shown(self, path: Path) -> str:
        folder = self.path.parent
        return str(path.relative_to(folder) if path.is_relative_to(folder) else path)

    def _write(self) -> None:
        value = {"format": FORMAT, "steps": self.done, "begun": self._begun}
        write_json(self.path, value)


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Keeps a second run out of the folder; raises UserError for it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = open(folder / ".lock", "w")
    except OSError as error:
        raise UserError(f"{folder}: cannot write here ({error.strerror})") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{folder}: another `two-stream reproduce` is at work here; wait for "
                "it, or choose another --out"
            ) from None
        yield
