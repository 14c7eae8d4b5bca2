"""The page: one file, safe with any text, whole pictures."""

import base64
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
from two_stream.report import Page, Tile
from two_stream.report.page import Cell
from two_stream.report.pictures import png

NASTY = "<script>alert('x')</script> & \"quotes\""


class Reader(HTMLParser):
    """Collects text and attributes; fails on tags that aren't closed."""

    VOID = {"meta", "img", "br"}

    def __init__(self):
        super().__init__()
        self.text, self.tags, self.open = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(page: Page) -> Reader:
    reader = Reader()
    reader.feed(page.html())
    assert not reader.open
    return reader


@pytest.fixture
def page():
    page = Page(NASTY, "lead")
    page.tiles([Tile(NASTY, 0.256, NASTY, "fused")])
    page.section(NASTY, NASTY)
    page.table([NASTY], [[NASTY, Cell(NASTY, "number")]])
    page.section("Second")
    page.footer(NASTY)
    return page


def test_text_is_shown_as_it_is(page):
    reader = read(page)
    assert "script" not in [tag for tag, _ in reader.tags]
    assert sum(text == NASTY for text in reader.text) == 10
    assert "25.6%" in reader.text
    assert ("i", {"style": "width:25.6%"}) in reader.tags


def test_pictures_are_inside_and_nothing_is_fetched(page):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    page.figure(png(image), "a picture", width=15)
    page.table([], [[Cell(picture=png(image), picture_width=30)]])
    text = page.html()
    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert len(sources) == 2
    for source in sources:
        head, data = source.split(",")
        assert head == "data:image/png;base64"
        found = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), 1)
        assert np.array_equal(found, image)
    assert "http" not in text and "url(" not in text and "@import" not in text


def test_write_replaces_the_file(page, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("older")
    page.write(path)
    assert path.read_text() == page.html()
    assert list(tmp_path.iterdir()) == [path]


def test_a_tone_that_has_no_colour_is_refused(page):
    with pytest.raises(ValueError, match="tone"):
        page.tiles([Tile("a", 0.5, "", "purple")])
