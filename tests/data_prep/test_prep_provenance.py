"""Manifest and provenance."""

import json

import pytest
from two_stream_prep import (
    DIS,
    TVL1,
    ExtractSettings,
    Manifest,
    UserError,
    provenance,
    provenance_differences,
    provenance_of_list,
)


def record(settings, library="OpenCV 4.10.0"):
    return {
        "frames": 3,
        "pairs": 2,
        "source_bytes": 5,
        "library": library,
        "recipe": settings.recipe(),
    }


def save(data_root, **videos):
    manifest = Manifest(videos)
    manifest.save(data_root)
    return manifest


def test_saved_and_loaded(tmp_path):
    manifest = save(tmp_path, a=record(ExtractSettings()))
    manifest.videos["b/ü"] = record(ExtractSettings(flow=DIS(), size=None))
    manifest.failures["c"] = "broken"
    manifest.save(tmp_path)
    loaded = Manifest.load(tmp_path)
    assert loaded.videos == manifest.videos and loaded.failures == {"c": "broken"}
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_provenance(tmp_path):
    settings = ExtractSettings(bound=15.0)
    other = record(settings, "OpenCV 5.0.0")
    save(tmp_path, a=record(settings), b=other)
    found = provenance(tmp_path)
    assert found == {
        "algorithm": "tvl1",
        "parameters": TVL1().parameters(),
        "bound": 15.0,
        "size": [340, 256],
        "library": "OpenCV 4.10.0, OpenCV 5.0.0",
    }
    assert provenance_of_list(tmp_path / "train_flow.txt") == found
    assert provenance_of_list("elsewhere/list.txt", tmp_path) == found
    assert provenance_of_list(tmp_path / "sub" / "list.txt") is None


def test_provenance_of_rgb_of_its_own_size(tmp_path):
    save(tmp_path, a=record(ExtractSettings(flow=None, size=None)))
    found = provenance(tmp_path)
    assert found["algorithm"] is found["bound"] is found["size"] is None


def test_mixed_data_is_refused(tmp_path):
    save(
        tmp_path,
        a=record(ExtractSettings(flow=TVL1())),
        b=record(ExtractSettings(flow=TVL1(scales=3), bound=15)),
    )
    message = (
        r"a and b were made differently \(flow.bound: 20.0 against 15.0; "
        r"flow.parameters.scales: 5 against 3\); run `prepare extract` again"
    )
    with pytest.raises(UserError, match=message):
        provenance(tmp_path)


def test_differences():
    one = {
        "algorithm": "tvl1",
        "bound": 20.0,
        "parameters": {"tau": 0.25},
        "library": 1,
    }
    other = {"algorithm": "dis", "bound": 20.0, "parameters": {"preset": "x"}}
    assert provenance_differences(one, one) == []
    assert provenance_differences(one, other, ignore=("library",)) == [
        "algorithm: tvl1 against dis",
        "parameters.preset: None against x",
        "parameters.tau: 0.25 against None",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "manifest.json: there is no such file; make it"),
        ("{\n\n,", "manifest.json:3: not JSON"),
        ("[]", "manifest.json:1: a JSON object was expected"),
        ('{"format": 2}', "format 2, this program reads 1"),
        ('{"format": 1}', "damaged"),
        (
            '{"format": 1, "videos": {"a": {"recipe": "x"}}, "recipes": {}, '
            '"failures": {}}',
            "damaged",
        ),
        ('{"format": 1, "videos": {}, "recipes": {}, "failures": {}}', "no video here"),
    ],
)
def test_a_manifest_that_is_none(tmp_path, text, message):
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UserError, match=message):
        provenance(tmp_path)


def test_a_recipe_survives_json():
    recipe = ExtractSettings(size=(10, 20), flow=TVL1(epsilon=1 / 3)).recipe()
    assert json.loads(json.dumps(recipe)) == recipe
