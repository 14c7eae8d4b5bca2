"""Installing NVIDIA's wheels, shown with a small wheel made here."""

import hashlib
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "third_party" / "cuda"))

import wheels  # noqa: E402


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder with the wheel tiny-lib 1.0, and nothing else within pip's reach."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "tiny_lib-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("nvidia/tiny/include/tiny.h", "#define TINY 1\n")
        info = "tiny_lib-1.0.dist-info/"
        wheel.writestr(
            info + "METADATA", "Metadata-Version: 2.1\nName: tiny-lib\nVersion: 1.0\n"
        )
        wheel.writestr(
            info + "WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(info + "RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def pins(tmp_path, index, digest=None):
    wheel = next(index.glob("*.whl"))
    digest = digest or hashlib.sha256(wheel.read_bytes()).hexdigest()
    path = tmp_path / "wheels.txt"
    path.write_text(f"tiny-lib==1.0 --hash=sha256:{digest}\n")
    return path


def test_installs_once_and_prints_the_folder(tmp_path, index):
    cache = tmp_path / "cache"
    path = pins(tmp_path, index)
    folder = wheels.install(path, cache)
    assert (folder / "nvidia/tiny/include/tiny.h").read_text() == "#define TINY 1\n"
    assert [entry.name for entry in cache.iterdir()] == [folder.name]
    next(index.glob("*.whl")).unlink()  # nothing more is asked of pip
    assert wheels.install(path, cache) == folder


def test_other_pins_have_another_folder(tmp_path, index):
    cache = tmp_path / "cache"
    path = pins(tmp_path, index)
    folder = wheels.install(path, cache)
    path.write_text(path.read_text() + "# changed\n")
    assert wheels.install(path, cache) != folder


def test_wheel_that_is_not_the_pinned_one_is_refused(tmp_path, index):
    cache = tmp_path / "cache"
    with pytest.raises(wheels.WheelError) as error:
        wheels.install(pins(tmp_path, index, "0" * 64), cache)
    assert "\n" not in str(error.value) and "wheels.txt" in str(error.value)
    assert list(cache.iterdir()) == []  # no half-made folder to be taken for whole


def test_pins_name_the_libraries_for_both_processors():
    lines = [
        line
        for line in wheels.PINS.read_text().replace("\\\n", "").splitlines()
        if not line.startswith("#")
    ]
    names = [line.split("==")[0] for line in lines]
    assert names == [
        "nvidia-cublas",
        "nvidia-curand",
        "nvidia-cudnn-cu13",
        "nvidia-nccl-cu13",
    ]
    assert all(line.count("--hash=sha256:") == 2 for line in lines)
