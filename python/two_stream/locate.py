"""Where Caffe is: its command, and pycaffe.

A checkout has them under ``build/cpu`` (and ``build/cuda``); ``pip install``
puts the command beside an importable pycaffe.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import two_stream_prep

from two_stream.caffe_command import installed_binary
from two_stream.errors import UserError

CHECKOUT = Path(__file__).resolve().parents[2]


def _builds(cuda_first: bool) -> tuple[Path, ...]:
    builds = (CHECKOUT / "build" / "cpu", CHECKOUT / "build" / "cuda")
    return builds[::-1] if cuda_first else builds


def caffe_binary(gpu: bool = False) -> str:
    """Returns the path of the ``caffe`` command.

    ``$CAFFE_BIN``, then the checkout's builds (the CUDA one first if ``gpu``),
    then beside pycaffe, then ``PATH``. Raises UserError if there is none.
    """
    chosen = os.environ.get("CAFFE_BIN")
    if chosen:
        if not os.access(chosen, os.X_OK):
            raise UserError(f"CAFFE_BIN={chosen}: no such command; unset or mend it")
        return chosen
    for build in _builds(gpu):
        binary = build / "bin" / "caffe"
        if os.access(binary, os.X_OK):
            return str(binary)
    found = installed_binary() or shutil.which("caffe")
    if found:
        return str(found)
    raise UserError(
        "the caffe command is not built: run `make build`, or set CAFFE_BIN to it"
    )


def pycaffe_folder(gpu: bool = False) -> Path:
    """Returns the folder that holds the package ``caffe``.

    Looks at ``sys.path`` first, then at the checkout's builds. With ``gpu`` the
    CUDA build goes first. Raises UserError if there is none.
    """
    places = [Path(entry or ".") for entry in sys.path]
    if gpu:
        places.insert(0, CHECKOUT / "build" / "cuda" / "python")
    places += [build / "python" for build in _builds(gpu)]
    for place in places:
        if (place / "caffe" / "proto" / "caffe_pb2.py").is_file():
            return place.resolve()
    raise UserError(
        "pycaffe is not built: run `make build`, or put the folder that holds "
        "the package `caffe` on PYTHONPATH"
    )


def python_environment(gpu: bool = False) -> dict[str, str]:
    """Returns the environment for a Python process that imports pycaffe.

    Also silences the log of nets being set up, errors excepted.
    """
    environment = dict(os.environ)
    packages = (__file__, two_stream_prep.__file__)
    folders = [str(pycaffe_folder(gpu))]
    folders += [str(Path(package).resolve().parents[1]) for package in packages]
    if environment.get("PYTHONPATH"):
        folders.append(environment["PYTHONPATH"])
    environment["PYTHONPATH"] = os.pathsep.join(folders)
    environment.setdefault("GLOG_minloglevel", "2")
    return environment


def load_proto():
    """Returns ``caffe_pb2`` without loading pycaffe's library.

    The module is registered under its own name, so that a later
    ``import caffe`` shares it.
    """
    name = "caffe.proto.caffe_pb2"
    if name in sys.modules:
        return sys.modules[name]
    file = pycaffe_folder() / "caffe" / "proto" / "caffe_pb2.py"
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[name] = module
    return module
