"""A page of sections, written as one HTML file."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from two_stream_prep.files import write_text

TONES = ("plain", "spatial", "temporal", "fused")


@dataclass(frozen=True)
class Tile:
    """One share in [0, 1], large, with a bar."""

    name: str
    share: float
    note: str
    tone: str = "plain"


@dataclass(frozen=True)
class Cell:
    """A table's cell. All text is escaped; `picture` is PNG bytes."""

    text: str = ""
    kind: str = ""
    """"", "number", "right" or "wrong"."""
    picture: bytes | None = None
    picture_width: int = 0
    """In CSS pixels."""


class Page:
    """Collects parts in reading order. All text that is given is escaped."""

    def __init__(self, title: str, lead: str):
        self.title = title
        self._parts = [
            f"<h1>{_escape(title)}</h1>",
            f'<p class="lead">{_escape(lead)}</p>',
        ]
        self._open = False

    def tiles(self, tiles: Sequence[Tile]) -> None:
        """A row of tiles, outside any section."""
        self._close()
        shown = []
        for tile in tiles:
            if tile.tone not in TONES:
                raise ValueError(f"a tone is one of {TONES}, not {tile.tone!r}")
            percent = 100 * tile.share
            shown.append(
                f'<div class="tile {tile.tone}"><div class="name">{_escape(tile.name)}'
                f'</div><div class="value">{percent:.1f}%</div><div class="bar">'
                f'<i style="width:{percent:.1f}%"></i></div>'
                f'<div class="note">{_escape(tile.note)}</div></div>'
            )
        self._parts.append(f'<div class="tiles">{"".join(shown)}</div>')

    def section(self, heading: str, text: str = "") -> None:
        """Begins a section; figures and tables that follow belong to it."""
        self._close()
        self._parts.append(f"<section><h2>{_escape(heading)}</h2>")
        self._open = True
        if text:
            self._parts.append(f"<p>{_escape(text)}</p>")

    def figure(self, png: bytes, caption: str, width: int | None = None) -> None:
        """A picture; `width` in CSS pixels, at most the page's."""
        size = f' width="{width}"' if width else ""
        self._parts.append(
            f'<figure><img src="{_data_uri(png)}"{size} alt="{_escape(caption)}">'
            f"<figcaption>{_escape(caption)}</figcaption></figure>"
        )

    def table(
        self, header: Sequence[str | Cell], rows: Sequence[Sequence[str | Cell]]
    ) -> None:
        """A table; an empty header leaves that row out."""
        head = f"<tr>{''.join(_cell(c, 'th') for c in header)}</tr>" if header else ""
        body = "".join(f"<tr>{''.join(_cell(c) for c in row)}</tr>" for row in rows)
        self._parts.append(f'<div class="scroll"><table>{head}{body}</table></div>')

    def html(self) -> str:
        """The whole page."""
        self._close()
        style = (Path(__file__).parent / "style.css").read_text()
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{_escape(self.title)}</title>\n<style>\n{style}</style></head>\n"
            "<body><main>\n" + "\n".join(self._parts) + "\n</main></body></html>\n"
        )

    def footer(self, text: str) -> None:
        """Small print."""
        self._close()
        self._parts.append(f"<footer>{_escape(text)}</footer>")

    def write(self, path: Path) -> None:
        """Writes the file, whole or not at all."""
        write_text(path, self.html())

    def _close(self) -> None:
        if self._open:
            self._parts.append("</section>")
            self._open = False


def _escape(text: str) -> str:
    return html.escape(str(text))


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _cell(cell: str | Cell, tag: str = "td") -> str:
    if isinstance(cell, str):
        cell = Cell(cell)
    kind = f' class="{_escape(cell.kind)}"' if cell.kind else ""
    picture = ""
    if cell.picture is not None:
        picture = (
            f'<img src="{_data_uri(cell.picture)}" width="{cell.picture_width}" alt="">'
        )
    return f"<{tag}{kind}>{picture}{_escape(cell.text)}</{tag}>"
