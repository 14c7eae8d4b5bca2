"""``pip install .``: the same CMake build, as a Python package.

Gives ``caffe`` and ``two-stream`` on PATH, ``import caffe`` (pycaffe) and the
driver. The Debian packages of tools/setup.sh must be there.
"""

import os
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent.resolve()


class CMakeBuild(build_ext):
    """Builds pycaffe and the caffe command, and installs both into the package."""

    def build_extension(self, ext):
        package = Path(self.get_ext_fullpath(ext.name)).resolve().parent
        build = ROOT / "build" / "pip"
        with_cuda = os.environ.get("TWO_STREAM_CUDA", "OFF")
        environment = {
            "CCACHE_BASEDIR": str(ROOT),
            "CCACHE_NOHASHDIR": "1",
            **os.environ,
        }

        def cmake(*arguments):
            subprocess.run(["cmake", *arguments], check=True, env=environment)

        cmake(
            f"-S{ROOT}",
            f"-B{build}",
            f"-DPython3_EXECUTABLE={sys.executable}",
            f"-DWITH_CUDA={with_cuda}",
            "-DWITH_TESTS=OFF",
        )
        cmake("--build", str(build), f"-j{os.cpu_count()}")
        cmake("--install", str(build), "--prefix", str(package))


def requirements():
    """What users need; the part below "# tests" of the file is for developers."""
    text = (ROOT / "requirements.txt").read_text().split("# tests")[0]
    return [line for line in text.splitlines() if line and line[0] != "#"]


setup(
    name="two-stream-caffe",
    version="0.1.0",
    description="Two-stream action recognition ConvNets in Caffe",
    license="BSD-2-Clause",
    python_requires=">=3.10",
    packages=find_packages("python") + find_packages("data_prep"),
    package_dir={
        "two_stream": "python/two_stream",
        "two_stream_prep": "data_prep/two_stream_prep",
    },
    package_data={"two_stream": ["**/*.html", "**/*.css", "**/*.json"]},
    ext_modules=[Extension("caffe._caffe", sources=[])],
    cmdclass={"build_ext": CMakeBuild},
    install_requires=requirements(),
    entry_points={
        "console_scripts": [
            "two-stream = two_stream.__main__:main",
            "caffe = two_stream.caffe_command:main",
        ]
    },
    zip_safe=False,
)
