"""The reproduction's report as a page."""

from __future__ import annotations

import numpy as np

from two_stream.console import TRAINING_ACCURACY
from two_stream.report import Page, Tile, charts, pictures
from two_stream.report.page import Cell
from two_stream.reproduce import paper
from two_stream.reproduce.clips import clip_picture, worst_clips
from two_stream.reproduce.results import ROWS, Results, SplitResult, table
from two_stream.reproduce.settings import STREAMS

_WORST = 10
_PAIRS = 12
_PICTURE_WIDTH = 420


def make_page(results: Results) -> Page:
    """The whole report. Raises UserError if a picture can't be read."""
    s = results.settings
    videos = sum(len(split.labels) for split in results.splits)
    page = Page(
        f"{s.dataset}, {s.net}",
        f"Two-stream ConvNets (arXiv 1507.02159) on {len(results.classes)} classes: "
        f"splits {', '.join(map(str, s.splits))}; {videos} test videos in all, each "
        f"scored by {s.samples} samples x {s.crops} crops.",
    )
    _tiles(page, results)
    if results.warnings:
        page.section(
            "Warnings", "The nets saw other data in training than in the test."
        )
        page.table([], [[Cell(text, "wrong")] for text in results.warnings])
    _table(page, results)
    _curves(page, results)
    _classes(page, results)
    _confusions(page, results)
    _sweep(page, results)
    _clips(page, results)
    _making(page, results)
    page.footer("Written by `two-stream reproduce`.")
    return page


def _tiles(page: Page, results: Results) -> None:
    column = results.columns()[-1]
    where = "mean of the splits" if column is None else f"split {column}"
    tiles = []
    for row in ROWS:
        theirs = results.paper(row, column)
        beside = f"; the paper's: {100 * theirs:.1f}%" if theirs else ""
        share = results.mean_class(row, column)
        tiles.append(Tile(row, share, f"mean class accuracy, {where}{beside}", row))
    page.tiles(tiles)


def _table(page: Page, results: Results) -> None:
    text = "The mean of the classes' accuracies, which is the paper's measure."
    if results.has_paper():
        text += f" Rows named so are the paper's own figures ({paper.SOURCE})."
    page.section("Accuracy", text)
    header, rows = table(results)
    page.table(_numbers(header), [_numbers(row) for row in rows])
    shown = []
    for split in results.splits:
        for row in ROWS:
            found = split.accuracy(row)
            cells = [f"split {split.number}, {row}"]
            cells += [f"{share:.1%}" for share in found.as_dict().values()]
            shown.append(_numbers(cells))
    page.table(_numbers(["", "top-1", "top-5", "mean class"]), shown)
    if results.departures:
        page.section("Not as in the paper")
        page.table([], [[text] for text in results.departures])


def _numbers(row: list[str]) -> list[str | Cell]:
    return [row[0], *(Cell(text, "number") for text in row[1:])]


def _curves(page: Page, results: Results) -> None:
    page.section("Training")
    for split in results.splits:
        loss, shares = [], []
        for stream, found in split.curves.items():
            x, y = found.series("train", "smoothed_loss")
            loss.append(charts.Curve(f"{stream}, training", x, y, stream))
            for phase, quantity in found.names():
                if phase == "test" and "accuracy" in quantity:
                    x, y = found.series(phase, quantity)
                    shares.append(charts.Curve(stream, x, y, stream, marked=True))
        panels = [charts.Panel("Loss", loss)]
        panels.append(charts.Panel("Accuracy of one centre crop", shares, share=True))
        caption = f"Split {split.number}. Accuracy in training: {TRAINING_ACCURACY}."
        page.figure(charts.curves(panels), caption)


def _classes(page: Page, results: Results) -> None:
    shares = {row: results.per_class(row) for row in ROWS}
    order = np.argsort(shares["fused"], kind="stable")
    page.section("Classes", "From the worst to the best of the fusion.")
    page.figure(
        charts.bars(
            [results.classes[i] for i in order],
            [(row, row, [shares[row][i] for i in order]) for row in ROWS],
        ),
        "Accuracy of each class, averaged over the splits.",
    )


def _confusions(page: Page, results: Results) -> None:
    page.section("Confusions", "Each row is a true class, dark where its videos went.")
    matrices = [(row, results.confusion(row)) for row in ROWS]
    page.figure(
        charts.confusions(matrices, results.classes),
        "Test videos of all splits together.",
    )
    counts = results.confusion("fused")
    totals = counts.sum(axis=1)
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]
    rows = []
    for true, told in zip(*np.unravel_index(order, wrong.shape), strict=True):
        if wrong[true, told]:
            share = f"{wrong[true, told]} of {totals[true]}"
            names = results.classes[true], results.classes[told]
            rows.append([*names, Cell(share, "number")])
    if rows:
        header = ["true class", "taken by the fusion for", Cell("videos", "number")]
        page.table(header, rows)


def _sweep(page: Page, results: Results) -> None:
    s = results.settings
    page.section(
        "The weight of the temporal stream",
        "Softmax of each stream, averaged as spatial 1 : temporal r; mean class "
        f"accuracy. The table above has {s.fusion[0]:g} : {s.fusion[1]:g}.",
    )
    ratios = [found["ratio"] for found in results.splits[0].sweep]
    rows = [
        _numbers([f"split {sp.number}", *(f"{f['mean_class']:.1%}" for f in sp.sweep)])
        for sp in results.splits
    ]
    if results.splits[1:]:
        shares = [[f["mean_class"] for f in sp.sweep] for sp in results.splits]
        rows.append(_numbers(["mean", *(f"{m:.1%}" for m in np.mean(shares, axis=0))]))
    page.table(_numbers(["r", *(f"{ratio:g}" for ratio in ratios)]), rows)


def _clips(page: Page, results: Results) -> None:
    page.section(
        "The worst clips",
        "Those whose true class the fusion finds least likely: three frames, and the "
        "flow at the middle one in colours (the wheel: hue is direction).",
    )
    wheel = pictures.png(pictures.flow_wheel(96))
    rows = []
    for split, index in worst_clips(results.splits, _WORST):
        picture = Cell(
            "", "", clip_picture(results.settings, split, index), _PICTURE_WIDTH
        )
        truth = results.classes[split.labels[index]]
        about = f"{truth}; {split.streams['spatial'].ids[index]}, split {split.number}"
        rows.append([picture, about, *_answers(results, split, index)])
    header = [Cell(picture=wheel, picture_width=48), "true class and video", *ROWS]
    page.table(header, rows)


def _answers(results: Results, split: SplitResult, index: int) -> list[Cell]:
    cells = []
    for row in ROWS:
        answer = int(split.scores[row][index].argmax())
        kind = "right" if answer == split.labels[index] else "wrong"
        cells.append(Cell(results.classes[answer], kind))
    return cells


def _making(page: Page, results: Results) -> None:
    s = results.settings
    page.section("How it was made")
    flow = s.extraction().flow
    shown = ", ".join(f"{name} {value}" for name, value in flow.parameters().items())
    rows = [
        ["videos", str(s.root)],
        ["frames", f"{s.size[0]} x {s.size[1]}"],
        ["flow", f"{flow.name} ({shown}), up to {s.bound:g} pixels"],
        ["start", str(s.weights) if s.weights else "random"],
    ]
    for split in results.splits:
        for stream in STREAMS:
            provenance = split.streams[stream].provenance
            name = f"split {split.number}, {stream}"
            text = f"{provenance['weights']} (SHA-256 {provenance['weights_sha256']})"
            rows.append([name, text])
    page.table([], rows)
    times = [[name, Cell(_time(t), "number")] for name, t in results.seconds.items()]
    page.table(_numbers(["step", "time"]), times)


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
