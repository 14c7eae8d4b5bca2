"""Prepares Caffe's source tree for the build.

    prepare.py OUTPUT GRAFT.proto...

fetches Caffe (or takes CAFFE_SOURCE_DIR), applies the fixes, grafts our fields
onto caffe.proto and writes the parts that the build compiles to OUTPUT. A file
is written only if its text changed, so that a second run rebuilds nothing.
"""

from __future__ import annotations

import os
import sys
import tarfile
from pathlib import Path

sys.dont_write_bytecode = True

import fetch  # noqa: E402
import fixes  # noqa: E402
import graft  # noqa: E402

PARTS = ("include/", "src/", "python/")
EXAMPLES = ("models/", "examples/")  # pycaffe's tests draw every net of these
PROTO = "src/caffe/proto/caffe.proto"


def wanted(name: str) -> bool:
    """Whether the build or Caffe's own tests need the file."""
    if name.startswith(EXAMPLES):
        return name.endswith(".prototxt") or name.startswith("examples/images/")
    return name.startswith(PARTS) and not name.endswith(".pyc")


def read_archive(path: Path) -> dict[str, bytes]:
    files = {}
    with tarfile.open(path) as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            if member.isfile() and wanted(name):
                files[name] = tar.extractfile(member).read()
    return files


def read_checkout(root: Path) -> dict[str, bytes]:
    if not (root / PROTO).is_file():
        raise fetch.FetchError(
            f"CAFFE_SOURCE_DIR={root} is no checkout of BVLC Caffe: it has no {PROTO}."
        )
    files = {}
    for part in PARTS + EXAMPLES:
        for path in sorted((root / part).rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.is_file() and wanted(name):
                files[name] = path.read_bytes()
    return files


def write_changed(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(content)
    partial.replace(path)


def prepare(output: Path, grafts: list[Path]) -> None:
    given = os.environ.get("CAFFE_SOURCE_DIR")
    files = read_checkout(Path(given)) if given else read_archive(fetch.archive())

    names = {PROTO} | {name for fix in fixes.FIXES for name in fix.files}
    texts = {name: files[name].decode() for name in names if name in files}
    fixes.apply(fixes.FIXES, texts)
    for path in grafts:
        texts[PROTO] = graft.graft(texts[PROTO], path.name, path.read_text())
    files.update({name: text.encode() for name, text in texts.items()})

    for name, content in files.items():
        write_changed(output / name, content)
    for path in sorted(output.rglob("*")):  # left by another version of Caffe
        if path.is_file() and str(path.relative_to(output)) not in files:
            path.unlink()


def main() -> int:
    try:
        prepare(Path(sys.argv[1]), [Path(name) for name in sorted(sys.argv[2:])])
    except (fetch.FetchError, fixes.FixError, graft.GraftError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
