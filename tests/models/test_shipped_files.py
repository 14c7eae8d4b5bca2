"""The files in ``models/`` are what the generator writes."""

from pathlib import Path

import pytest
from caffe.proto import caffe_pb2
from google.protobuf import text_format
from two_stream.models.write import write_shipped

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted(path.name for path in (ROOT / "models").glob("*.prototxt"))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("root"))
        return {path.name: path.read_text() for path in write_shipped()}


def test_no_file_is_missing_or_extra(written):
    assert sorted(written) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_file_is_as_generated(written, name):
    assert (ROOT / "models" / name).read_text() == written[name]


@pytest.mark.parametrize("name", [n for n in SHIPPED if n.endswith("_solver.prototxt")])
def test_solver_names_a_net_and_no_device(name):
    text = (ROOT / "models" / name).read_text()
    message = text_format.Parse(text, caffe_pb2.SolverParameter())
    assert not message.HasField("solver_mode")
    assert (ROOT / message.net).is_file()
