"""The settings and recipes of the files in ``models/``."""

from __future__ import annotations

from dataclasses import replace

from two_stream.models.settings import SPATIAL, TEMPORAL, NetSettings, Recipe

# Shipped with a Gather layer too.
WITH_GATHER = ("vgg16",)

# What an architecture changes of NetSettings.spatial() and temporal(). Training
# batches of four GPUs divide the recipe's 256, and fit GPUs of 12 GB.
_OF_NET: dict[str, dict] = {
    "googlenet": {"train_batch": 64},
    "clarifai": {"train_batch": 64},
    # The demo's.
    "small": {
        "classes": 16,
        "crop": 64,
        "width": 96,
        "height": 72,
        "scale": 0.02,
        "train_batch": 32,
        "test_batch": 24,
    },
}
_OF_STREAM: dict[tuple[str, str], dict] = {
    ("small", SPATIAL): {
        "train_list": "build/demo/data/train_rgb.txt",
        "test_list": "build/demo/data/test_rgb.txt",
    },
    ("small", TEMPORAL): {
        "length": 5,
        "train_list": "build/demo/data/train_flow.txt",
        "test_list": "build/demo/data/test_flow.txt",
    },
}


def settings_for(architecture: str, stream: str, **changes) -> NetSettings:
    """An architecture's settings in ``models/``, with changes."""
    settings = NetSettings.temporal() if stream == TEMPORAL else NetSettings.spatial()
    own = _OF_NET.get(architecture, {}) | _OF_STREAM.get((architecture, stream), {})
    return replace(settings, **(own | changes))


def recipe_for(architecture: str, stream: str, **changes) -> Recipe:
    """An architecture's recipe in ``models/``, with changes."""
    if architecture != "small":
        return Recipe.paper(stream, **changes)
    recipe = Recipe(
        base_lr=0.01,
        step=200,
        max_iter=300,
        global_batch=32,
        test_videos=192,
        test_interval=100,
        snapshot=300,
        clip_gradients=5,
    )
    return replace(recipe, **changes)


def test_batch_for(videos: int, largest: int = 40) -> int:
    """The batch with which an epoch of tests repeats the fewest videos.

    UCF101's 3,783 of split 1 are 97 batches of 39.
    """
    if videos <= largest:
        return videos
    batches = range(largest // 2, largest + 1)
    return min(batches, key=lambda batch: (-videos % batch, -batch))
