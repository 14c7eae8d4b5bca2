"""`two-stream nets`: the shipped nets, for other data."""

import pytest
from caffe.proto import caffe_pb2
from google.protobuf import text_format
from two_stream import cli
from two_stream.models import test_batch_for as batch_for


def parse(path, kind):
    return text_format.Parse(path.read_text(), kind())


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "classes.txt").write_text("jump\nrun\nwave\n")
    for part, videos in (("train", 9), ("test", 50)):
        for modality in ("rgb", "flow"):
            lines = [f"video {i} 30 {i % 3}\n" for i in range(videos)]
            (folder / f"{part}_{modality}_split2.txt").write_text("".join(lines))
    return folder


def test_nets_fit_the_data(tmp_path, data, capsys):
    out = tmp_path / "nets"
    arguments = ["--data", str(data), "--split", "2", "--out", str(out), "--batch", "8"]
    assert cli.main(["nets", "googlenet", *arguments, "--length", "5"]) == 0
    printed = capsys.readouterr().out.split()
    assert len(printed) == 6 and sorted(map(str, out.iterdir())) == sorted(printed)

    net = parse(out / "temporal_googlenet_train_val.prototxt", caffe_pb2.NetParameter)
    train, test = net.layer[:2]
    assert train.video_data_param.source == str(data / "train_flow_split2.txt")
    assert test.video_data_param.source == str(data / "test_flow_split2.txt")
    assert train.video_data_param.new_length == 5
    assert train.video_data_param.batch_size == 8
    outputs = {layer.name: layer.inner_product_param.num_output for layer in net.layer}
    names = ("loss1/classifier-1", "loss2/classifier-1", "fc8-1")
    assert [outputs[name] for name in names] == [3, 3, 3]
    solver = parse(
        out / "temporal_googlenet_solver.prototxt", caffe_pb2.SolverParameter
    )
    # Every test video once.
    assert solver.test_iter[0] * test.video_data_param.batch_size == 50
    rgb = parse(out / "spatial_googlenet_deploy.prototxt", caffe_pb2.NetParameter)
    assert rgb.layer[0].input_param.shape[0].dim == [10, 3, 224, 224]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "test_rgb.txt: cannot read the list"),
        (["--split", "2", "--batch", "0"], "--batch 0: must be at least 1"),
        (["--split", "2", "--batch", "48"], "48 does not divide the recipe's 256"),
        (["--split", "2", "--classes", "1"], "2 classes at least, not 1"),
        (["--split", "2", "--gather"], "no fully connected layers to gather for"),
    ],
)
def test_what_cannot_be_is_said(tmp_path, data, capsys, arguments, said):
    out = tmp_path / "nets"
    usual = ["nets", "googlenet", "--data", str(data), "--out", str(out)]
    assert cli.main([*usual, *arguments]) == 1
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_test_batches_repeat_few_videos():
    assert batch_for(3783) == 39
    assert batch_for(7) == 7
    for videos in range(41, 2000):
        fewest = min(-videos % batch for batch in range(20, 41))
        assert -videos % batch_for(videos) == fewest
