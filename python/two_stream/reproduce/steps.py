"""The steps: each calls the driver, and tells the state what it depends on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from two_stream_prep import layout
from two_stream_prep.extraction import extract
from two_stream_prep.lists import resolve, write_lists
from two_stream_prep.manifest import Manifest

from two_stream.console import warn
from two_stream.errors import UserError
from two_stream.files import sha256, write_json
from two_stream.reproduce.dataset import Dataset
from two_stream.reproduce.nets import stream_net, stream_recipe
from two_stream.reproduce.settings import MODALITY, STREAMS, ReproduceSettings
from two_stream.reproduce.state import Outputs, State

EXTRACT = "extract frames and flow"
INITIALISE = "initialise the temporal net"


def fingerprint(value: Any) -> str:
    """Returns the SHA-256 of a plain value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@dataclass
class Steps:
    """The steps of one reproduction, in the order of their methods."""

    s: ReproduceSettings
    state: State
    dataset: Dataset

    def extract(self) -> None:
        """Frames and flow of every video, by ``two-stream prepare extract``."""
        videos = self.dataset.videos
        records = (self.s.data / v.name / layout.RECORD for v in videos)
        if not self.s.skip_missing and not all(record.is_file() for record in records):
            self.state.forget(EXTRACT)
        inputs = {
            "videos": fingerprint(self.dataset.fingerprint()),
            "recipe": self.s.extraction().recipe(),
            "data": str(self.s.data),
        }
        self.state.step(EXTRACT, inputs, self._extract)

    def _extract(self, _begun: bool) -> Outputs:
        report = extract(
            self.dataset.videos,
            self.s.data,
            self.s.extraction(),
            processes=self.s.processes,
            progress=self.s.progress,
        )
        if report.failed:
            name, cause = min(report.failed.items())
            said = f"{len(report.failed)} videos failed, the first, {name}: {cause}"
            if not self.s.skip_missing:
                raise UserError(
                    f"{said}; mend them, or leave such videos out with --skip-missing"
                )
            warn(said)
        return {"manifest": self.s.data / layout.MANIFEST}

    def lists(self, split: int) -> None:
        """The lists of a split, by the driver's writer."""
        manifest = Manifest.load(self.s.data)
        named = self.dataset.splits[split]
        resolved = resolve(named, manifest, self.s.skip_missing)
        inputs = {
            "split": fingerprint(dataclasses.asdict(resolved)),
            "videos": [self._data(split, MODALITY[stream]) for stream in STREAMS],
            "data": str(self.s.data),
        }

        def work(_begun: bool) -> Outputs:
            paths = write_lists(resolved, manifest, self.s.data, f"_split{split}")
            return {path.name: path for path in paths}

        self.state.step(f"split {split}: lists", inputs, work)

    def nets(self, split: int, stream: str) -> None:
        """The net's three files, by the generator of ``models/``."""
        from two_stream.models import write_models

        s = self.s
        tests = _lines(s.list_file("test", split, stream))
        net = stream_net(s, stream, split, len(self.dataset.classes), tests)
        recipe = stream_recipe(s, stream, tests)
        inputs = {
            "net": s.net,
            "settings": dataclasses.asdict(net),
            "recipe": dataclasses.asdict(recipe),
        }

        def work(_begun: bool) -> Outputs:
            folder = s.split_folder(split) / "nets"
            return dataclasses.asdict(write_models(folder, s.net, net, recipe))

        self.state.step(_name(split, stream, "net"), inputs, work)

    def initialise(self) -> None:
        """The temporal net's start, from the RGB model."""
        from two_stream.nets.temporal_init import init_temporal_file

        if self.s.weights is None:
            return
        first = _name(self.s.splits[0], "temporal", "net")
        net = self.state.outputs(first)["train_val"]
        inputs = {"weights": sha256(self.s.weights), "net": self._shape("temporal")}

        def work(_begun: bool) -> Outputs:
            out = self.s.out / f"temporal_{self.s.net}_start.caffemodel"
            report = init_temporal_file(self.s.weights, net, out)
            write_json(out.with_suffix(".json"), dataclasses.asdict(report))
            return {"weights": out}

        self.state.step(INITIALISE, inputs, work)

    def train(self, split: int, stream: str) -> None:
        """Trains a stream by ``two-stream train``, from its last snapshot if begun."""
        from two_stream.reproduce.training import remove_snapshots, train_stream

        s = self.s
        start = s.weights
        if start and stream == "temporal":
            start = self.state.outputs(INITIALISE)["weights"]
        lists = [s.list_file(part, split, stream) for part in ("train", "test")]
        inputs = {
            "net": self._shape(stream),
            "recipe": self._recipe(stream),
            "solver": s.overrides(stream),
            "weights": sha256(start) if start else None,
            "train list": sha256(lists[0]),
            "images": self._data(split, MODALITY[stream]),
        }
        solver = self.state.outputs(_name(split, stream, "net"))["solver"]
        prefix = s.split_folder(split) / f"{stream}_{s.net}"

        def work(begun: bool) -> Outputs:
            return train_stream(s, stream, solver, start, prefix, begun)

        def discard() -> None:
            remove_snapshots(prefix)

        self.state.step(_name(split, stream, "training"), inputs, work, discard)

    def evaluate(self, split: int, stream: str) -> None:
        """Scores the test list, 25 x 10, by ``two-stream evaluate``."""
        from two_stream.evaluation.run import evaluate
        from two_stream.evaluation.settings import EvaluateSettings

        s = self.s
        trained = _name(split, stream, "training")
        test_list = s.list_file("test", split, stream)
        inputs = {
            "net": self._shape(stream),
            "weights": self.state.fingerprint(trained, "weights"),
            "test list": sha256(test_list),
            "images": self._data(split, MODALITY[stream]),
            "samples": s.samples,
            "crops": s.crops,
        }
        wanted = EvaluateSettings(
            net=str(self.state.outputs(_name(split, stream, "net"))["train_val"]),
            weights=str(self.state.outputs(trained)["weights"]),
            list=str(test_list),
            out=str(s.scores_file(split, stream)),
            samples=s.samples,
            crops=s.crops,
            gpus=s.gpus,
            workers=s.workers,
            progress=s.progress,
        )

        def work(_begun: bool) -> Outputs:
            evaluate(wanted)
            return {"scores": s.scores_file(split, stream)}

        self.state.step(_name(split, stream, "test"), inputs, work)

    def fuse(self, split: int) -> None:
        """Fuses the streams and sweeps their weights, by ``two-stream fuse``."""
        from two_stream.commands import fuse

        s = self.s
        names = [_name(split, stream, "test") for stream in STREAMS]
        inputs = {
            "scores": [self.state.fingerprint(name, "scores") for name in names],
            "weights": s.fusion,
        }

        def work(_begun: bool) -> Outputs:
            folder = s.split_folder(split)
            made = {"scores": folder / "fused.npz", "accuracy": folder / "fused.json"}
            files = tuple(str(s.scores_file(split, stream)) for stream in STREAMS)
            wanted = fuse.Settings(
                files, s.fusion, fuse.DEFAULT_SWEEP, str(made["scores"])
            )
            write_json(made["accuracy"], fuse.report(wanted))
            return made

        self.state.step(f"split {split}: fusion", inputs, work)

    def _shape(self, stream: str) -> dict:
        """Returns what of the net's settings decides weights and scores."""
        split = self.s.splits[0]
        net = dataclasses.asdict(
            stream_net(self.s, stream, split, len(self.dataset.classes), 1)
        )
        for key in ("train_list", "test_list", "train_batch", "test_batch"):
            del net[key]
        return {"architecture": self.s.net, **net}

    def _recipe(self, stream: str) -> dict:
        """Returns the recipe; it is the same for any number of ranks."""
        return dataclasses.asdict(stream_recipe(self.s, stream, 1))

    def _data(self, split: int, modality: str) -> str:
        """Returns a fingerprint of how the split's images were made, from what."""
        manifest = Manifest.load(self.s.data)
        named = resolve(self.dataset.splits[split], manifest, self.s.skip_missing)
        made = []
        for item in (*named.train, *named.test):
            record = manifest.videos[item.name]
            recipe = dict(record["recipe"])
            if modality == "rgb":
                del recipe["flow"]
            made.append([item.name, record["source_bytes"], record["frames"], recipe])
        return fingerprint(made)


def _name(split: int, stream: str, what: str) -> str:
    return f"split {split}: {stream} {what}"


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())
