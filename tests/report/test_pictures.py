"""Flow as colours, and layout of images."""

import colorsys

import cv2
import numpy as np
import pytest
from two_stream.errors import UserError
from two_stream.report import charts
from two_stream.report.pictures import (
    colour_flow,
    flow_wheel,
    grid,
    png,
    read_image,
    scaled,
)


def test_colours_are_those_of_direction_and_length():
    random = np.random.default_rng(1)
    x, y = random.uniform(-6, 6, (2, 20, 30))
    full = 5.0
    colours = colour_flow(x, y, full)
    for row in range(20):
        for column in range(30):
            dx, dy = x[row, column], y[row, column]
            hue = np.arctan2(dy, dx) / (2 * np.pi) % 1
            depth = min(np.hypot(dx, dy) / full, 1)
            wanted = 255 * np.array(colorsys.hsv_to_rgb(hue, depth, 1))[::-1]
            # OpenCV's 8-bit hue has steps of two degrees.
            assert abs(colours[row, column] - wanted).max() <= 12


def test_rest_is_white_and_opposite_directions_differ():
    zero = np.zeros((2, 2))
    assert (colour_flow(zero, zero, 3) == 255).all()
    up, down = colour_flow(zero, zero - 3, 3), colour_flow(zero, zero + 3, 3)
    assert abs(up.astype(int) - down).max() > 200


def test_wheel_shows_at_each_place_the_colour_of_that_direction():
    wheel = flow_wheel(101)
    right = colour_flow(np.array([[1.0]]), np.array([[0.0]]), 1.0)[0, 0]
    down = colour_flow(np.array([[0.0]]), np.array([[1.0]]), 1.0)[0, 0]
    assert abs(wheel[50, 97].astype(int) - right).max() <= 12
    assert abs(wheel[97, 50].astype(int) - down).max() <= 12
    assert (wheel[0, 0] == 255).all()


def test_grid_puts_images_in_rows():
    random = np.random.default_rng(2)
    images = random.integers(0, 255, (6, 10, 20, 3), np.uint8)
    whole = grid([images[:3], images[3:]], gap=4)
    assert whole.shape == (24, 68, 3)
    for index, image in enumerate(images):
        top, left = 14 * (index // 3), 24 * (index % 3)
        assert np.array_equal(whole[top : top + 10, left : left + 20], image)
    assert (whole[10:14] == 255).all()


def test_scaled_keeps_the_shape():
    image = np.zeros((72, 96, 3), np.uint8)
    assert scaled(image, 48).shape == (36, 48, 3)
    assert scaled(image, 192).shape == (144, 192, 3)


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"not a picture")
    with pytest.raises(UserError, match="broken.jpg"):
        read_image(path)


def decode(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def dark_blue(image: np.ndarray) -> int:
    """Pixels of the colour of a share of 1."""
    wanted = np.array([0x66, 0x1A, 0x1D])
    return int((abs(image.astype(int) - wanted).max(axis=2) < 8).sum())


def test_confusions_show_where_the_counts_are():
    right, none = np.diag([3, 5, 2, 7]), np.zeros((4, 4), int)
    names = ["a", "b", "c", "d"]
    empty, full = (
        dark_blue(decode(charts.confusions([("m", m), ("n", none)], names, 2)))
        for m in (none, right)
    )
    assert empty == 0
    assert full > 1000


def test_class_names_may_be_anything(recwarn):
    names = ["cash $x_{$", "日本", "a\\frac{"]
    shares = [0.1, 0.5, 0.9]
    shown = charts.bars(names, [("one", "plain", shares)])
    plain = charts.bars(["cash", "x", "a"], [("one", "plain", shares)])
    assert len(shown) > 1000 and shown != plain
    assert charts.confusions([("one", np.eye(3))], names)
    assert not recwarn.list


def test_charts_draw_their_curves_in_their_tones():
    curve = charts.Curve("loss", [0, 10, 20], [3, 2, 1], "spatial")
    panels = [
        charts.Panel("Loss", [curve]),
        charts.Panel("Accuracy", [], share=True),
    ]
    image = decode(charts.curves(panels))
    tone = np.array([0x2B, 0x82, 0xD9])
    assert (abs(image.astype(int) - tone).max(axis=2) < 8).sum() > 500
    bars = decode(charts.bars(["a", "b"], [("s", "spatial", [0.2, 0.9])]))
    assert (abs(bars.astype(int) - tone).max(axis=2) < 8).sum() > 5000


def test_png_keeps_every_pixel():
    image = np.random.default_rng(3).integers(0, 256, (9, 7, 3), np.uint8)
    assert np.array_equal(decode(png(image)), image)
