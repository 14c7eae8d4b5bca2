"""Charts as PNG bytes, in one style."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

TONES = {
    "plain": "#17202e",
    "spatial": "#d9822b",
    "temporal": "#12857a",
    "fused": "#4a45c4",
}
_INK, _SOFT, _LINE = "#17202e", "#5b6675", "#e3e7ee"
_COUNTS = LinearSegmentedColormap.from_list(
    "counts", ["#ffffff", "#cfd3f5", "#7d7be0", "#3a35ae", "#1d1a66"]
)
_PIXELS_PER_INCH = 200


@dataclass(frozen=True)
class Curve:
    """One line: values over iterations."""

    label: str
    iterations: Sequence[float]
    values: Sequence[float]
    tone: str = "plain"
    marked: bool = False
    """With a dot at each point: few, measured values."""


@dataclass(frozen=True)
class Panel:
    """A chart of curves; `share` scales y to per cent in [0, 100]."""

    title: str
    curves: Sequence[Curve]
    share: bool = False


def curves(panels: Sequence[Panel]) -> bytes:
    """The panels side by side."""
    figure = Figure(figsize=(5.1 * len(panels), 3.2), layout="constrained")
    for axes, panel in zip(_axes(figure, len(panels)), panels, strict=True):
        factor = 100 if panel.share else 1
        for curve in panel.curves:
            axes.plot(
                curve.iterations,
                factor * np.asarray(curve.values, float),
                color=TONES[curve.tone],
                linewidth=1.8,
                marker="o" if curve.marked else None,
                markersize=4,
                label=curve.label,
            )
        if panel.share:
            axes.set_ylim(0, 102)
            axes.yaxis.set_major_formatter("{x:.0f}%")
        axes.grid(axis="y", color=_LINE, linewidth=0.8)
        axes.tick_params(labelsize=9)
        axes.set_xlabel("iteration", color=_SOFT, fontsize=9)
        if panel.curves:
            axes.legend(frameon=False, fontsize=9, labelcolor=_INK)
        _finish(axes, panel.title)
    return _png(figure)


def confusions(
    matrices: Sequence[tuple[str, np.ndarray]],
    classes: Sequence[str],
    group: int = 0,
) -> bytes:
    """Counts (true class x predicted class) as shares of each true class.

    Class names are shown where there is room, on the first matrix's rows. With
    `group`, lines part every so many classes.
    """
    named = len(classes) <= 32
    figure = Figure(figsize=(10.2, 10.2 / len(matrices) + 0.3), layout="constrained")
    for column, (axes, (title, counts)) in enumerate(
        zip(_axes(figure, len(matrices)), matrices, strict=True)
    ):
        totals = counts.sum(axis=1, keepdims=True)
        shares = counts / np.maximum(totals, 1)
        axes.imshow(shares, cmap=_COUNTS, vmin=0, vmax=1, interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        if named and column == 0:
            size = float(np.clip(120 / len(classes), 4, 9))
            axes.set_yticks(range(len(classes)), _as_written(classes), fontsize=size)
        for edge in range(group, len(classes), group) if group else ():
            axes.axhline(edge - 0.5, color=_LINE, linewidth=0.8)
            axes.axvline(edge - 0.5, color=_LINE, linewidth=0.8)
        axes.set_xlabel("predicted, in the same order", color=_SOFT, fontsize=8.5)
        _finish(axes, title)
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_visible(True)
    return _png(figure)


def bars(
    labels: Sequence[str], series: Sequence[tuple[str, str, Sequence[float]]]
) -> bytes:
    """Horizontal bars of shares in [0, 1], a group a label.

    Args:
      series: name, tone and one share a label.
    """
    height = 0.8 / max(len(series), 1)
    inches = max(2.0, (0.16 * len(series) + 0.1) * len(labels) + 0.8)
    figure = Figure(figsize=(10.2, inches), layout="constrained")
    (axes,) = _axes(figure, 1)
    places = np.arange(len(labels))
    for index, (name, tone, shares) in enumerate(series):
        axes.barh(
            places + (index - (len(series) - 1) / 2) * height,
            100 * np.asarray(shares, float),
            height,
            color=TONES[tone],
            label=name,
        )
    axes.set_yticks(places, _as_written(labels), fontsize=9)
    axes.set_ylim(len(labels) - 0.45, -0.55)
    axes.set_xlim(0, 100)
    axes.xaxis.set_major_formatter("{x:.0f}%")
    axes.grid(axis="x", color=_LINE, linewidth=0.8)
    figure.legend(
        loc="outside upper right", ncols=len(series), frameon=False, fontsize=9
    )
    _finish(axes, "")
    return _png(figure)


def _axes(figure: Figure, count: int):
    return figure.subplots(1, count, squeeze=False)[0]


def _finish(axes, title: str) -> None:
    if title:
        axes.set_title(title, loc="left", fontsize=10.5, color=_INK, weight="bold")
    axes.set_axisbelow(True)
    axes.tick_params(colors=_SOFT)
    for name, side in axes.spines.items():
        side.set_color(_LINE)
        side.set_visible(name in ("left", "bottom"))


def _as_written(names: Sequence[str]) -> list[str]:
    """Names in which $ does not begin mathematics."""
    return [name.replace("$", r"\$") for name in names]


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        # A name in another script is drawn as boxes; the tables have it.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(file, format="png", dpi=_PIXELS_PER_INCH, facecolor="white")
    return file.getvalue()
