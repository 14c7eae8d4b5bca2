"""``caffe`` on PATH of a pip installation: runs the binary inside the package."""

import importlib.util
import os
import sys
from pathlib import Path

from two_stream.errors import UserError


def installed_binary() -> Path | None:
    """The caffe binary that ``pip install`` put beside pycaffe, if there is one."""
    # Looked up, not imported: importing pycaffe loads all of Caffe.
    spec = importlib.util.find_spec("caffe")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(folder) / "bin" / "caffe"
        if binary.is_file():
            return binary
    return None


def main() -> None:
    binary = installed_binary()
    if binary is None:
        error = UserError("pycaffe is not installed here; run pip install . again")
        sys.exit(f"error: {error}")
    # exec: signals, exit status and the terminal are the binary's own.
    os.execv(binary, [str(binary), *sys.argv[1:]])
