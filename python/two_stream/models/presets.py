"""The settings and recipes of the files in ``models/``."""

from __future__ import annotations

from dataclasses import replace

from two_stream.models.settings import SPATIAL, TEMPORAL, NetSettings, Recipe

# What an architecture changes of NetSettings.spatial() and temporal().
_SETTINGS: dict[tuple[str, str], dict] = {
    # The demo's: classes that tell left from right must not be mirrored.
    ("small", SPATIAL): {
        "train_list": "data/demo/train_rgb.txt",
        "test_list": "data/demo/test_rgb.txt",
    },
    ("small", TEMPORAL): {
        "length": 5,
        "train_list": "data/demo/train_flow.txt",
        "test_list": "data/demo/test_flow.txt",
    },
}
_SMALL = {
    "classes": 12,
    "crop": 64,
    "width": 112,
    "height": 84,
    "scale": 0.02,
    "mirror": False,
    "train_batch": 32,
    "test_batch": 24,
}


def settings_for(architecture: str, stream: str, **changes) -> NetSettings:
    """An architecture's settings in ``models/``, with changes."""
    settings = NetSettings.temporal() if stream == TEMPORAL else NetSettings.spatial()
    own = _SMALL if architecture == "small" else {}
    own = own | _SETTINGS.get((architecture, stream), {})
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
        test_videos=96,
        test_interval=100,
        snapshot=300,
        clip_gradients=5,
    )
    return replace(recipe, **changes)
