"""The files in ``models/`` are what the generator writes, and docs/nets.md says."""

import re
from pathlib import Path

import caffe
import pytest
from caffe.proto import caffe_pb2
from google.protobuf import text_format
from made_up_nets import without_fillers
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


@pytest.mark.parametrize(
    "name",
    [n for n in SHIPPED if n.endswith("_solver.prototxt") and "_small_" not in n],
)
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_ranks_share_the_global_batch(name, ranks):
    solver = text_format.Parse(
        (ROOT / "models" / name).read_text(), caffe_pb2.SolverParameter()
    )
    net = text_format.Parse((ROOT / solver.net).read_text(), caffe_pb2.NetParameter())
    batch = net.layer[0].video_data_param.batch_size
    assert solver.global_batch_size % (ranks * batch) == 0


PAGE = (ROOT / "docs/nets.md").read_text()
# Net, millions of parameters.
COUNTED = re.findall(r"(?m)^\| `(\w+)` \| ([\d.]+) million", PAGE)


def test_every_net_is_on_the_page():
    spatial = {n.split("_")[1] for n in SHIPPED if re.match(r"spatial_\w+_deploy", n)}
    assert {name for name, _ in COUNTED} == spatial


@pytest.mark.parametrize(("name", "millions"), COUNTED)
def test_page_counts_the_parameters(tmp_path, name, millions):
    text = (ROOT / f"models/spatial_{name}_deploy.prototxt").read_text()
    message = text_format.Parse(text, caffe_pb2.NetParameter())
    (tmp_path / "net.prototxt").write_text(str(without_fillers(message)))
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    blobs = [blob for layer in net.params.values() for blob in layer]
    assert f"{sum(blob.count for blob in blobs) / 1e6:.1f}" == millions
