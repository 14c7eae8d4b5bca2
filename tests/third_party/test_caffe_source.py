"""Fetching, fixing and grafting Caffe's sources."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "third_party" / "caffe"
sys.path.insert(0, str(SCRIPTS))

import fetch  # noqa: E402
import fixes  # noqa: E402
import graft  # noqa: E402

PROTO = """\
syntax = "proto2";
package caffe;
message A {
  optional int32 one = 1; // comment with a brace }
  enum Kind { X = 7; Y = 8; }
  optional Kind two = 2 [default = X];
  message Inner { optional int32 deep = 9; }
}
// A comment about B.
message B {
  repeated string name = 1;
}
"""


def test_one_line_sources():
    text = (
        "# deb http://commented.example/debian sid main\n"
        "deb [arch=amd64 signed-by=/k] http://m.example/debian stable main contrib\n"
        "deb-src http://m.example/debian stable main # why\n"
    )
    found = fetch.parse_one_line(text)
    assert found == [
        fetch.AptSource("http://m.example/debian", "stable", ("main", "contrib")),
        fetch.AptSource("http://m.example/debian", "stable", ("main",)),
    ]


def test_deb822_sources():
    text = (
        "Types: deb\n# a comment\nURIs: http://m.example/debian\n"
        "Suites: stable\n stable-updates\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/k.gpg\n\n"
        "Enabled: no\nTypes: deb\nURIs: http://off.example\nSuites: x\n"
        "Components: main\n"
    )
    assert fetch.parse_deb822(text) == [
        fetch.AptSource("http://m.example/debian", "stable", ("main",)),
        fetch.AptSource("http://m.example/debian", "stable-updates", ("main",)),
    ]


def test_both_forms_are_read_from_the_machine(tmp_path):
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("deb http://a.example x main\n")
    (tmp_path / "sources.list.d" / "b.list").write_text("deb http://b.example y main\n")
    (tmp_path / "sources.list.d" / "c.sources").write_text(
        "Types: deb\nURIs: http://c.example\nSuites: z\nComponents: main\n"
    )
    uris = [source.uri for source in fetch.machine_sources(tmp_path)]
    assert uris == ["http://a.example", "http://b.example", "http://c.example"]


def test_candidates_swap_the_suite_and_leave_out_others():
    sources = [
        fetch.AptSource("http://m.example", "stable", ("main", "contrib")),
        fetch.AptSource("http://m.example", "stable-updates", ("main",)),
        fetch.AptSource("http://s.example", "stable-security", ("main",)),
        fetch.AptSource("http://third.example", "tool", ("stable",)),
    ]
    assert fetch.candidates(sources, "debian") == [
        fetch.AptSource("http://m.example", "bullseye", ("main",))
    ]
    suites = [source.suite for source in fetch.candidates(sources[:1], "ubuntu")]
    assert suites[0] == "stable"  # its own archive first


def test_damaged_cache_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("TWO_STREAM_CACHE", str(tmp_path))
    monkeypatch.setattr(fetch, "machine_sources", lambda: [])
    (tmp_path / fetch.PIN["file"]).write_bytes(b"not the archive")
    with pytest.raises(fetch.FetchError) as error:
        fetch.archive()
    text = str(error.value)
    assert "bullseye" in text and "CAFFE_SOURCE_DIR" in text and "\n" not in text
    assert not (tmp_path / fetch.PIN["file"]).exists()


def test_archive_is_the_pinned_one():
    path = fetch.archive()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest == fetch.PIN["sha256"]
    assert not path.is_relative_to(ROOT / "build")


def test_fix_that_no_longer_applies_stops():
    fix = fixes.Fix("name", "reason", ("a.cpp",), r"gone\(\)", "")
    with pytest.raises(fixes.FixError, match="name.*a.cpp"):
        fixes.apply((fix,), {"a.cpp": "int main() {}\n"})
    with pytest.raises(fixes.FixError, match="no file a.cpp"):
        fixes.apply((fix,), {})


def test_every_fix_is_named_once_and_has_a_reason():
    names = [fix.name for fix in fixes.FIXES]
    assert len(set(names)) == len(names)
    assert all(len(fix.reason) > 20 for fix in fixes.FIXES)


def test_graft_adds_fields_and_messages():
    addition = (
        'syntax = "proto2";\nmessage A { optional B b = 3; }\n'
        "// Doc.\nmessage C { optional int32 x = 1; }\n"
    )
    merged = graft.graft(PROTO, "c.proto", addition)
    found = graft.messages(merged)
    assert list(found) == ["A", "B", "C"]
    _, start, end = found["A"]
    assert graft.fields(merged[start:end]) == {"one": 1, "two": 2, "b": 3}
    assert "// Doc.\nmessage C" in merged


@pytest.mark.parametrize("field", ["optional int32 x = 2;", "optional int32 one = 5;"])
def test_graft_refuses_clashes(field):
    with pytest.raises(graft.GraftError, match="c.proto: A"):
        graft.graft(PROTO, "c.proto", f"message A {{ {field} }}")


def test_fork_names_and_defaults_are_in_pycaffe():
    from caffe.proto import caffe_pb2

    transform = caffe_pb2.TransformationParameter.DESCRIPTOR.fields_by_name
    numbers = {
        "fix_crop": 10,
        "multi_scale": 11,
        "scale_ratios": 12,
        "max_distort": 13,
        "is_flow": 14,
        "more_fix_crop": 15,
        "stride": 16,
        "upper_size": 17,
        "upper_height": 18,
        "upper_width": 19,
        "original_image": 20,
    }
    assert {name: transform[name].number for name in numbers} == numbers
    assert transform["max_distort"].default_value == 1
    assert caffe_pb2.NetParameter.DESCRIPTOR.fields_by_name["mem_param"].number == 200
    video = caffe_pb2.VideoDataParameter()
    assert (video.new_length, video.num_segments) == (1, 1)
    assert video.modality == caffe_pb2.VideoDataParameter.FLOW
    memory = caffe_pb2.MemoryOptimizationParameter()
    assert memory.optimize_train and not memory.optimize_test
    layer = caffe_pb2.LayerParameter.DESCRIPTOR.fields_by_name
    assert layer["video_data_param"].number > 148


def test_nothing_of_caffe_and_no_host_is_committed():
    """Long lines that are Caffe's own, or a URL of a mirror, would be a mistake."""
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    caffe = set()
    for path in (ROOT / "build/cpu/caffe-src").rglob("*.[ch]pp"):
        for line in path.read_text(errors="replace").splitlines():
            if len(line.strip()) > 60:
                caffe.add(line.strip())
    assert len(caffe) > 5000
    for name in files:
        if not name.endswith((".cpp", ".hpp", ".cu", ".py", ".sh")):
            continue
        lines = (ROOT / name).read_text().splitlines()
        copied = [line for line in lines if line.strip() in caffe]
        assert len(copied) < 5, f"{name} has lines of Caffe: {copied}"
        assert not re.search(r"deb\.\w+\.org|archive\.\w+\.com", "\n".join(lines))


def test_prepare_refuses_a_folder_that_is_no_checkout(tmp_path):
    run = subprocess.run(
        [sys.executable, SCRIPTS / "prepare.py", tmp_path / "out"],
        env={**os.environ, "CAFFE_SOURCE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert "no checkout of BVLC Caffe" in run.stderr and run.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
