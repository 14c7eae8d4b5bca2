"""The table, the paper's figures, and what is told besides, from made-up scores."""

import re

import numpy as np
import pytest
from two_stream.data.provenance import write_model_provenance
from two_stream.files import write_json
from two_stream.fusion import softmax
from two_stream.reproduce.clips import worst_clips
from two_stream.reproduce.page import make_page
from two_stream.reproduce.results import ROWS, as_text, collect, table
from two_stream.reproduce.settings import ReproduceSettings
from two_stream.reproduce.state import State
from two_stream.scores import Scores, save_scores
from two_stream.training.curves import Curves, Point, write_csv

CLASSES = 4
FLOW = {
    "algorithm": "tvl1",
    "parameters": {},
    "bound": 20.0,
    "size": [340, 256],
    "library": "OpenCV",
}


def run_of(folder, splits, dataset="ucf101", net="vgg16", **settings):
    """Writes what the steps would leave; returns the settings."""
    s = ReproduceSettings(
        dataset, folder, folder / "out", folder / "data", splits, net, **settings
    )
    random = np.random.default_rng(sum(splits))
    for split in splits:
        labels = np.concatenate([np.arange(CLASSES), random.integers(CLASSES, size=9)])
        ids = [f"v_{split}_{number}" for number in range(len(labels))]
        for stream in ("spatial", "temporal"):
            modality = "rgb" if stream == "spatial" else "flow"
            weights = s.split_folder(split) / f"{stream}_{net}_iter_5.caffemodel"
            order = random.permutation(len(labels))  # each stream in its own
            scores = random.normal(size=(len(labels), CLASSES))
            scores[np.arange(len(labels)), labels] += 1
            save_scores(
                s.scores_file(split, stream),
                Scores(
                    [ids[i] for i in order],
                    labels[order],
                    scores[order],
                    list("abcd"),
                    {
                        "weights": str(weights),
                        "weights_sha256": "0" * 64,
                        "sampling": {"modality": modality},
                        "data": FLOW,
                    },
                ),
            )
            prefix = s.split_folder(split) / f"{stream}_{net}"
            write_model_provenance(prefix, {"data": FLOW})
            curves = Curves(
                [Point(i, "train", "smoothed_loss", 1 / (i + 1)) for i in (0, 5)]
            )
            write_csv(f"{prefix}_curves.csv", curves)
            lines = [f"x/{ids[i]} 8 {labels[i]}\n" for i in order]
            s.data.mkdir(parents=True, exist_ok=True)
            s.list_file("test", split, stream).write_text("".join(lines))
        write_json(
            s.split_folder(split) / "fused.json",
            {"sweep": [{"ratio": 2.0, "top1": 0.5, "top5": 1.0, "mean_class": 0.5}]},
        )
    return s


def results_of(s):
    return collect(s, State(s.state_file))


def by_hand(s, split):
    """Mean class accuracy of each row, in plain loops."""
    streams = {}
    for stream in ("spatial", "temporal"):
        file = np.load(s.scores_file(split, stream))
        rows = zip(file["ids"], file["labels"], file["scores"], strict=True)
        streams[stream] = {name: (label, scores) for name, label, scores in rows}
    found = {}
    for row in ROWS:
        right = {label: [] for label in range(CLASSES)}
        for name, (label, spatial) in streams["spatial"].items():
            temporal = streams["temporal"][name][1]
            both = [softmax(scores[None])[0] for scores in (spatial, temporal)]
            told = {"spatial": spatial, "temporal": temporal}
            told["fused"] = (both[0] + 2 * both[1]) / 3
            right[label].append(told[row].argmax() == label)
        found[row] = np.mean([np.mean(hits) for hits in right.values()])
    return found


def test_the_table_has_each_split_and_the_mean_beside_the_papers(tmp_path):
    s = run_of(tmp_path, (1, 2, 3))
    header, rows = table(results_of(s))
    assert header[1:] == ["split 1", "split 2", "split 3", "mean"]
    ours = {row[0]: row[1:] for row in rows if row[0] in ROWS}
    hand = [by_hand(s, split) for split in (1, 2, 3)]
    for row in ROWS:
        shares = [found[row] for found in hand]
        expected = [f"{100 * share:.1f}" for share in [*shares, np.mean(shares)]]
        assert ours[row] == expected
    paper = [row[1:] for row in rows if "paper's" in row[0]]
    assert paper == [
        ["79.8", "77.3", "77.8", "78.4"],
        ["85.7", "88.2", "87.4", "87.0"],
        ["90.9", "91.6", "91.6", "91.4"],
    ]
    text = as_text(header, rows)
    assert len({len(line) for line in text.splitlines()}) == 1


@pytest.mark.parametrize(
    "net, figures",
    [
        ("googlenet", ["77.1", "83.9", "89.0"]),
        ("clarifai", ["72.7", "81.0", "87.0"]),
        ("vgg16", ["79.8", "85.7", "90.9"]),
    ],
)
def test_the_papers_figures_of_split_1(tmp_path, net, figures):
    results = results_of(run_of(tmp_path, (1,), net=net))
    _, rows = table(results)
    assert [row[1] for row in rows if "paper's" in row[0]] == figures
    assert results.columns() == [1]


def test_the_papers_mean_is_shown_for_all_three_splits_only(tmp_path):
    _, rows = table(results_of(run_of(tmp_path, (1, 2))))
    assert [row[1:] for row in rows if "paper's" in row[0]] == [
        ["79.8", "77.3", "-"],
        ["85.7", "88.2", "-"],
        ["90.9", "91.6", "-"],
    ]


@pytest.mark.parametrize("dataset, net", [("hmdb51", "vgg16"), ("ucf101", "small")])
def test_no_figures_of_the_paper_where_it_has_none(tmp_path, dataset, net):
    results = results_of(run_of(tmp_path, (1, 2, 3), dataset, net))
    assert [row[0] for row in table(results)[1]] == list(ROWS)


def test_departures_from_the_paper_are_listed(tmp_path):
    weights = tmp_path / "rgb.caffemodel"
    weights.touch()
    plain = results_of(run_of(tmp_path, (1,), weights=weights))
    size = "4 classes, UCF101 has 101: the paper's figures are of other videos"
    assert plain.departures == [size]
    other = results_of(
        run_of(
            tmp_path,
            (1,),
            net="small",
            samples=5,
            flow="dis",
            bound=15.0,
            size=(320, 240),
            fusion=(1.0, 1.5),
            solver=(("spatial", "max_iter=7"), ("temporal", "display=1")),
        )
    )
    assert other.departures == [
        size,
        "the paper has no net small",
        "the nets started at random, the paper's from an ImageNet model",
        "flow by dis, the paper's is TV-L1",
        "flow up to 15 pixels, usual are 20",
        "frames of 320x240, the paper's are 340x256",
        "the spatial solver has max_iter=7",
        "5 x 10 views a video, the paper has 25 x 10",
        "fused 1 : 1.5, the paper has 1 : 2",
    ]


def test_flow_made_another_way_is_a_warning_in_the_report(tmp_path, monkeypatch):
    s = run_of(tmp_path, (1, 2))
    assert results_of(s).warnings == []
    for stream, other in (
        ("spatial", FLOW | {"algorithm": "dis", "library": "OpenCV 5"}),
        ("temporal", FLOW | {"algorithm": "dis", "bound": 15.0}),
    ):
        prefix = s.split_folder(2) / f"{stream}_vgg16"
        write_model_provenance(prefix, {"data": other})
    results = results_of(s)
    assert results.warnings == [
        "split 2, temporal: algorithm: dis in training, tvl1 now",
        "split 2, temporal: bound: 15.0 in training, 20.0 now",
    ]
    monkeypatch.setattr("two_stream.reproduce.page.clip_picture", lambda *_: b"")
    page = make_page(results).html()
    assert "<h2>Warnings</h2>" in page
    assert "bound: 15.0 in training, 20.0 now" in page
    assert "the paper&#x27;s own figures" in page and "79.8" in page


def test_data_made_in_several_ways_is_a_warning(tmp_path):
    s = run_of(tmp_path, (1,))
    prefix = s.split_folder(1) / "temporal_vgg16"
    write_model_provenance(prefix, {"data": {"mixed": "a and b were made differently"}})
    assert results_of(s).warnings == [
        "split 1, temporal: data made in several ways in training: a and b were made "
        "differently"
    ]


def test_the_worst_clips_are_those_the_fusion_finds_least_likely(tmp_path):
    results = results_of(run_of(tmp_path, (1, 3)))
    shares = [
        split.scores["fused"][i, split.labels[i]]
        for split in results.splits
        for i in range(len(split.labels))
    ]
    worst = worst_clips(results.splits, 5)
    found = [split.scores["fused"][i, split.labels[i]] for split, i in worst]
    assert found == sorted(shares)[:5]
    for split, index in worst:
        video = split.videos[index]
        assert video.path == f"x/{split.streams['spatial'].ids[index]}"
        assert video.label == split.labels[index]


def test_classes_and_confusions_take_all_splits(tmp_path):
    results = results_of(run_of(tmp_path, (1, 2, 3)))
    counts = results.confusion("temporal")
    assert counts.sum() == 3 * 13
    labels = np.concatenate([split.labels for split in results.splits])
    assert counts.sum(axis=1).tolist() == np.bincount(labels).tolist()
    mean = [
        np.mean([sp.accuracy("fused").per_class[c] for sp in results.splits])
        for c in range(CLASSES)
    ]
    assert results.per_class("fused") == pytest.approx(mean)


def test_the_sweep_has_a_row_a_split_and_their_mean(tmp_path, monkeypatch):
    monkeypatch.setattr("two_stream.reproduce.page.clip_picture", lambda *_: b"png")
    for splits, rows in (((1, 2), 3), ((1,), 1)):
        s = run_of(tmp_path / str(len(splits)), splits)
        for split in splits:
            sweep = [
                {"ratio": ratio, "top1": 0.0, "top5": 0.0, "mean_class": split / ratio}
                for ratio in (8, 16)
            ]
            write_json(s.split_folder(split) / "fused.json", {"sweep": sweep})
        page = make_page(results_of(s)).html()
        table_of = page.split("The weight of the temporal stream")[1].split("</table>")
        cells = re.findall(r"<tr>(.*?)</tr>", table_of[0])
        shown = [re.findall(r">([^<]+)</t[dh]>", row) for row in cells]
        assert shown[0] == ["r", "8", "16"] and len(shown) == 1 + rows
        assert shown[1] == ["split 1", "12.5%", "6.2%"]
        if rows == 3:
            assert shown[2:] == [
                ["split 2", "25.0%", "12.5%"],
                ["mean", "18.8%", "9.4%"],
            ]
