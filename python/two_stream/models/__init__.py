"""The shipped nets and solvers: what writes ``models/``, or the same elsewhere.

One architecture gives three files a stream: train_val (VideoData, losses,
accuracy of one centre crop), deploy (an Input layer, scores) and solver. To have
them with other lists, classes or sizes::

    from two_stream.models import NetSettings, write_models

    settings = NetSettings.temporal(classes=51, train_list=..., test_list=...)
    files = write_models("build/nets", "vgg16", settings)
"""

from two_stream.models.nets import ARCHITECTURES, deploy, train_val
from two_stream.models.presets import recipe_for, settings_for, test_batch_for
from two_stream.models.prototxt import to_text
from two_stream.models.settings import NetSettings, Recipe
from two_stream.models.solver import solver
from two_stream.models.write import ModelFiles, write_models

__all__ = [
    "ARCHITECTURES",
    "ModelFiles",
    "NetSettings",
    "Recipe",
    "deploy",
    "recipe_for",
    "settings_for",
    "solver",
    "test_batch_for",
    "to_text",
    "train_val",
    "write_models",
]
