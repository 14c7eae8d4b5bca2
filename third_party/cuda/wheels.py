"""Brings cuBLAS, cuRAND, cuDNN and NCCL, with headers, from their PyPI wheels.

    wheels.py

installs what ``wheels.txt`` pins into the cache folder, once, and prints the
folder: ``nvidia/{cu13,cudnn,nccl}/{include,lib}`` lie below it. The environment
that runs the script is left as it is.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "caffe"))

from fetch import cache_dir  # noqa: E402

PINS = Path(__file__).parent / "wheels.txt"


class WheelError(RuntimeError):
    """The wheels could not be installed."""


def folder(cache: Path, pins: Path) -> Path:
    """Where the wheels of ``pins`` lie: a name of its own for other pins."""
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()[:12]
    return cache / f"cuda-{platform.machine()}-{digest}"


def install(pins: Path = PINS, cache: Path | None = None) -> Path:
    """Returns the folder, after installing the wheels if it isn't there yet."""
    cache = cache or cache_dir()
    target = folder(cache, pins)
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    # Complete or not there at all, also when two builds start at once.
    partial = Path(tempfile.mkdtemp(prefix="cuda-", suffix=".part", dir=cache))
    try:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input"]
        pip += ["--disable-pip-version-check", "--no-compile", "--no-deps"]
        pip += ["--only-binary=:all:", "--require-hashes", "--target", str(partial)]
        ran = subprocess.run(
            [*pip, "-r", str(pins)], capture_output=True, text=True, check=False
        )
        if ran.returncode:
            cause = (ran.stderr.strip() or "pip said nothing").splitlines()[-1]
            raise WheelError(
                f"pip could not install the libraries pinned in {pins} ({cause}). "
                "Install cuBLAS, cuRAND, cuDNN 9 and NCCL with the CUDA toolkit, or "
                "let pip reach an index that serves them."
            )
        partial.chmod(0o755)
        try:
            partial.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def main() -> int:
    try:
        print(install())
    except WheelError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
