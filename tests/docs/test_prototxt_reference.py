"""docs/prototxt.md names every field that the graft files add, and its default."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "third_party" / "caffe"))

import graft  # noqa: E402

PAGE = (ROOT / "docs" / "prototxt.md").read_text()


# Messages of .solverstate files, which nobody types.
WRITTEN_BY_PROGRAMS = {"run_state.proto"}


def grafted():
    for path in sorted((ROOT / "caffe_ext" / "proto").glob("*.proto")):
        if path.name in WRITTEN_BY_PROGRAMS:
            continue
        text = path.read_text()
        for message, (_, start, end) in graft.messages(text).items():
            for field in graft.fields(text[start:end]):
                yield pytest.param(field, id=f"{message}.{field}")


@pytest.mark.parametrize("field", list(grafted()))
def test_field_is_documented(field):
    assert re.search(rf"`([\w.]+\.)?{field}`", PAGE)


def test_numbers_on_the_page_are_the_defaults():
    text = (ROOT / "caffe_ext" / "proto" / "video_data.proto").read_text()
    defaults = dict(re.findall(r"(\w+) = \d+ \[default = ([\w.]+)\]", text))
    rows = re.findall(r"^\| `(\w+)` \| [^|]*[,;] ([\w.]+) \|", PAGE, re.M)
    checked = [(name, value) for name, value in rows if name in defaults]
    assert len(checked) > 12
    assert [(name, defaults[name]) for name, _ in checked] == checked
