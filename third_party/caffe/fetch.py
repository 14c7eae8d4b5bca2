"""Brings Caffe's source archive with the machine's own apt client.

Debian carried Caffe until its release 11 (bullseye). The machine's own apt
sources name a mirror; a private apt configuration asks that mirror for the
source package of the older suite, downloads the upstream archive and checks its
SHA-256 against ``pin.json``. Nothing of the machine's apt set-up is changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

PIN = json.loads((Path(__file__).parent / "pin.json").read_text())


class FetchError(RuntimeError):
    """The archive could be had in no way; the text says which ways there are."""


@dataclass(frozen=True)
class AptSource:
    """One archive of the machine's apt set-up."""

    uri: str
    suite: str
    components: tuple[str, ...]


def cache_dir() -> Path:
    """Where downloads are kept, outside every build tree."""
    if "TWO_STREAM_CACHE" in os.environ:
        return Path(os.environ["TWO_STREAM_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "two-stream-caffe"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def parse_one_line(text: str) -> list[AptSource]:
    """Reads the one-line form, ``deb [options] uri suite component...``."""
    found = []
    for line in text.splitlines():
        match = re.match(r"\s*deb(?:-src)?\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)(.*)", line)
        if match:
            uri, suite, rest = match.groups()
            components = tuple(rest.split("#")[0].split())
            found.append(AptSource(uri, suite, components))
    return found


def parse_deb822(text: str) -> list[AptSource]:
    """Reads the deb822 form, stanzas of ``Types:``, ``URIs:``, ``Suites:``."""
    found = []
    for stanza in re.split(r"\n\s*\n", text):
        fields: dict[str, list[str]] = {}
        key = None
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            match = re.match(r"([A-Za-z-]+):(.*)", line)
            if match:
                key = match.group(1).lower()
                fields[key] = match.group(2).split()
            elif key and line[:1].isspace():
                fields[key] += line.split()
        if [word.lower() for word in fields.get("enabled", [])] == ["no"]:
            continue
        for uri in fields.get("uris", []):
            for suite in fields.get("suites", []):
                components = tuple(fields.get("components", []))
                found.append(AptSource(uri, suite, components))
    return found


def machine_sources(etc: Path = Path("/etc/apt")) -> list[AptSource]:
    """All archives of the machine's apt set-up, in order."""
    found = []
    parts = etc / "sources.list.d"
    lists = [etc / "sources.list", *sorted(parts.glob("*.list"))]
    for path in lists:
        if path.is_file():
            found += parse_one_line(path.read_text(errors="replace"))
    for path in sorted(parts.glob("*.sources")):
        found += parse_deb822(path.read_text(errors="replace"))
    return found


def distribution() -> str:
    """``ID`` of os-release: debian, ubuntu or something else."""
    try:
        text = Path("/etc/os-release").read_text()
    except OSError:
        return ""
    match = re.search(r'^ID="?([a-z]+)', text, re.M)
    return match.group(1) if match else ""


def candidates(sources: list[AptSource], distro: str) -> list[AptSource]:
    """The archives to ask: each mirror of the distribution, with its suite swapped.

    Security archives, and third parties' (which have suites of their own or
    lack the component main), are left out.
    """
    found: list[AptSource] = []
    for suite in PIN["suites"].get(distro, PIN["suites"]["debian"]):
        for source in sources:
            if "main" not in source.components or "security" in source.suite:
                continue
            components = ("main", "universe") if distro == "ubuntu" else ("main",)
            asked = AptSource(source.uri, suite or source.suite, components)
            if asked not in found:
                found.append(asked)
    return found


def download(source: AptSource, into: Path) -> Path | None:
    """Downloads the archive from one mirror; None if it doesn't have it."""
    with tempfile.TemporaryDirectory(prefix="caffe-apt-") as scratch:
        root = Path(scratch)
        for name in ("lists/partial", "cache/archives/partial", "got"):
            (root / name).mkdir(parents=True)
        # The archive is checked against a pinned hash, which is stronger than
        # the suite's signature and needs no keyring of that suite here.
        (root / "sources.list").write_text(
            f"deb-src [trusted=yes] {source.uri} {source.suite} "
            f"{' '.join(source.components)}\n"
        )
        options = {
            "Dir::Etc::sourcelist": root / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::lists": root / "lists",
            "Dir::Cache": root / "cache",
            "Acquire::Check-Valid-Until": "false",
            "Acquire::Languages": "none",
            "Acquire::Retries": "2",
        }
        if os.geteuid() == 0:
            options["APT::Sandbox::User"] = "root"
        apt = ["apt-get", "-qq"]
        for key, value in options.items():
            apt += ["-o", f"{key}={value}"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if subprocess.run([*apt, "update"], **quiet).returncode:
            return None
        subprocess.run(
            [*apt, "source", "--download-only", PIN["source_package"]],
            cwd=root / "got",
            **quiet,
        )
        got = root / "got" / PIN["file"]
        if not got.is_file() or sha256(got) != PIN["sha256"]:
            return None
        into.parent.mkdir(parents=True, exist_ok=True)
        partial = into.with_suffix(f".{os.getpid()}.part")
        shutil.copyfile(got, partial)
        partial.rename(into)
        return into


def archive() -> Path:
    """Path of the verified archive, from the cache or else from a mirror."""
    cached = cache_dir() / PIN["file"]
    if cached.is_file():
        if sha256(cached) == PIN["sha256"]:
            return cached
        cached.unlink()
    asked = []
    if shutil.which("apt-get"):
        for source in candidates(machine_sources(), distribution()):
            asked.append(source.suite)
            if download(source, cached):
                return cached
    suites = ", ".join(dict.fromkeys(asked)) or "none: no apt mirror was found"
    raise FetchError(
        f"Caffe's source could not be fetched (suites asked: {suites}). Two ways: "
        "let apt reach a Debian mirror that carries the suite bullseye (the mirror "
        "is taken from /etc/apt), or set CAFFE_SOURCE_DIR to a checkout of BVLC "
        f"Caffe (commit {PIN['commit']}) and configure again."
    )
