"""The demo's report as a page."""

from __future__ import annotations

import numpy as np
from two_stream_prep import layout
from two_stream_prep.flow import dequantize

from two_stream.demo.camera import MOTIONS
from two_stream.demo.footage import PIN
from two_stream.demo.outcome import STREAM_NAMES, Outcome
from two_stream.demo.scenes import SCENES
from two_stream.demo.settings import DemoSettings
from two_stream.fusion import sweep
from two_stream.report import Page, Tile, charts, pictures
from two_stream.report.page import Cell

_TONES = {"spatial": "spatial", "temporal": "temporal", "two_stream": "fused"}
# Pixels a frame at which a flow picture is saturated.
_FULL_FLOW = 4.0
_EXAMPLES = 8
_RATIOS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)


def make_page(outcome: Outcome) -> Page:
    """The whole report. Raises UserError if a picture can't be read."""
    summary = outcome.summary()
    page = Page(
        "One stream sees what, the other how",
        f"{len(SCENES)} scenes of real footage, filmed by a camera that tilts or "
        f"zooms: {summary['classes']} classes, scene x camera motion. A frame can't "
        "tell the motion, flow hardly tells the scene. Caffe trained both streams on "
        f"{summary['train_clips']} video files; tested are {summary['test_clips']} "
        "others, from later in the footage.",
    )
    _tiles(page, outcome, summary)
    _views(page, outcome.settings)
    _confusions(page, outcome)
    _curves(page, outcome)
    _examples(page, outcome)
    _fusion(page, outcome)
    _making(page, outcome, summary)
    page.footer(
        f"Footage: data files of the Python package {PIN['package']} {PIN['version']}; "
        "Big Buck Bunny is (c) Blender Foundation, CC BY 3.0."
    )
    return page


def pretty(class_name: str) -> str:
    """ "bunny-tilt_up" as "bunny, tilt up"."""
    return class_name.replace("-", ", ").replace("_", " ")


def _tiles(page: Page, outcome: Outcome, summary: dict) -> None:
    ratio = " : ".join(f"{weight:g}" for weight in outcome.settings.weights)
    notes = {
        "spatial": f"one frame; knowing the scene alone gives {1 / len(MOTIONS):.0%}",
        "temporal": f"{outcome.settings.length} flow fields; knowing the motion alone "
        f"gives {1 / len(SCENES):.0%}",
        "two_stream": f"fused {ratio}; {100 * summary['margin']:.0f} points above the "
        "better stream",
    }
    page.tiles(
        [
            Tile(name, summary[key], notes[key], _TONES[key])
            for key, name in STREAM_NAMES.items()
        ]
    )


def _frame(s: DemoSettings, clip: str, number: int, width: int) -> np.ndarray:
    path = s.data / clip / layout.image_name(number)
    return pictures.scaled(pictures.read_image(path), width)


def _flow(s: DemoSettings, clip: str, number: int, width: int) -> np.ndarray:
    x, y = (
        dequantize(pictures.read_image(s.data / clip / name)[..., 0], s.bound)
        for name in layout.flow_names(number)
    )
    return pictures.scaled(pictures.colour_flow(x, y, _FULL_FLOW), width)


def _views(page: Page, s: DemoSettings) -> None:
    page.section(
        "What each stream is given",
        "The middle of one test clip of each class, and the flow from it to the next "
        "frame. Down a column the flow is much the same, along a row the frames are.",
    )
    middle = s.clips.frames // 2
    wheel = pictures.png(pictures.flow_wheel(120))
    header = [Cell(picture=wheel, picture_width=60)]
    header += [motion.replace("_", " ") for motion in MOTIONS]
    rows = []
    for scene in SCENES:
        row = [Cell(scene.name)]
        for motion in MOTIONS:
            clip = f"test/{scene.name}-{motion}/test_000"
            pair = [f(s, clip, middle, 192) for f in (_frame, _flow)]
            picture = pictures.png(pictures.grid([pair], gap=4))
            row.append(Cell(picture=picture, picture_width=204))
        rows.append(row)
    page.table(header, rows)
    strips = []
    scene = SCENES[1]
    numbers = np.linspace(1, s.clips.frames, 5).round().astype(int)
    for motion in MOTIONS:
        clip = f"test/{scene.name}-{motion}/test_001"
        strip = [_frame(s, clip, number, 192) for number in numbers]
        picture = pictures.png(pictures.grid([strip], gap=4))
        strips.append([motion.replace("_", " "), Cell("", "", picture, 760)])
    page.table(["", f"a clip of each motion, {scene.name}"], strips)


def _confusions(page: Page, outcome: Outcome) -> None:
    page.section(
        "Who confuses what",
        "Each row is a true class, dark where its clips were put. The spatial stream "
        "stays within the scene's block and guesses the motion; the temporal stream "
        "has the motion, in whichever scene.",
    )
    found = outcome.confusions()
    matrices = [(STREAM_NAMES[key], matrix) for key, matrix in found.items()]
    names = [pretty(name) for name in outcome.classes]
    page.figure(
        charts.confusions(matrices, names, group=len(MOTIONS)),
        f"{len(outcome.labels)} test clips, "
        f"{len(outcome.labels) // len(names)} of each class.",
    )


def _curves(page: Page, outcome: Outcome) -> None:
    page.section("Training")
    loss, shares = [], []
    for stream, found in outcome.curves.items():
        x, y = found.series("train", "smoothed_loss")
        loss.append(charts.Curve(f"{stream}, training", x, y, stream))
        x, y = found.series("test", "loss")
        loss.append(charts.Curve(f"{stream}, new clips", x, y, stream, marked=True))
        for phase, quantity in found.names():
            if phase == "test" and "accuracy" in quantity:
                x, y = found.series(phase, quantity)
                shares.append(charts.Curve(stream, x, y, stream, marked=True))
    panels = [
        charts.Panel("Loss", loss),
        charts.Panel("Accuracy of one centre crop, test clips", shares, share=True),
    ]
    floor = np.log(len(MOTIONS)), np.log(len(SCENES))
    page.figure(
        charts.curves(panels),
        "On new clips, who knows the scene alone can't have a loss below "
        f"{floor[0]:.2f}, nor who knows the motion alone below {floor[1]:.2f}. The "
        "accuracy seen in training is that of one centre crop; the figures above are "
        f"of {outcome.settings.samples} samples x 10 crops.",
    )


def _examples(page: Page, outcome: Outcome) -> None:
    page.section("Some test clips", "Drawn at random.")
    s = outcome.settings
    random = np.random.default_rng(s.seed)
    spatial = outcome.scores["spatial"]
    count = min(_EXAMPLES, len(spatial.ids))
    chosen = sorted(random.choice(len(spatial.ids), count, replace=False))
    answers = {key: v.argmax(axis=1) for key, v in outcome.class_scores().items()}
    rows = []
    for index in chosen:
        clip = f"test/{spatial.ids[index]}"
        pair = [f(s, clip, s.clips.frames // 2, 144) for f in (_frame, _flow)]
        picture = pictures.png(pictures.grid([pair], gap=4))
        row = [Cell(picture=picture, picture_width=146)]
        row.append(pretty(outcome.classes[outcome.labels[index]]))
        for answer in answers.values():
            kind = "right" if answer[index] == outcome.labels[index] else "wrong"
            row.append(Cell(pretty(outcome.classes[answer[index]]), kind))
        rows.append(row)
    page.table(["", "true class", *STREAM_NAMES.values()], rows)


def _fusion(page: Page, outcome: Outcome) -> None:
    page.section(
        "The weight of the temporal stream",
        "Softmax of each stream, averaged as 1 : r. The paper's r is 2.",
    )
    streams = outcome.scores["spatial"], outcome.scores["temporal"]
    found = sweep(*streams, _RATIOS)
    header = [Cell("r")] + [Cell(f"{ratio:g}", "number") for ratio, _ in found]
    row = [Cell("top-1")] + [Cell(f"{a.top1:.1%}", "number") for _, a in found]
    page.table(header, [row])


def _making(page: Page, outcome: Outcome, summary: dict) -> None:
    s = outcome.settings
    width, height = s.size
    flow = s.extraction().flow
    parameters = ", ".join(f"{k} {v}" for k, v in flow.parameters().items())
    times = ", ".join(f"{k} {v:.0f} s" for k, v in outcome.seconds.items())
    page.section("How it was made")
    page.table(
        [],
        [
            [
                "clips",
                f"{s.clips.frames} frames, {s.clips.width} x {s.clips.height}; trained "
                "on the first part of each shot, tested on the last; speed and place "
                "of the camera drawn for each clip, seed "
                f"{s.seed}. Where the camera is in a frame has one distribution for "
                "all motions.",
            ],
            [
                "data",
                f"{width} x {height}; {flow.name} flow ({parameters}), 8 bits for "
                f"+-{s.bound:g} pixels",
            ],
            [
                "training",
                f"the small nets of models/, from scratch: {s.iterations['spatial']} "
                f"iterations spatial, {s.iterations['temporal']} temporal; corner "
                "crops, four scales, mirrors",
            ],
            ["testing", f"{s.samples} samples x 10 crops a clip, scores averaged"],
            ["time", f"{times}; {sum(outcome.seconds.values()):.0f} s in all"],
        ],
    )
