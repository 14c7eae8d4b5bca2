"""The streams' nets and recipes: those of ``models/``, for this dataset."""

from __future__ import annotations

from two_stream.errors import UserError
from two_stream.reproduce.settings import ReproduceSettings


def stream_net(s: ReproduceSettings, stream: str, split: int, classes: int, tests: int):
    """Returns the NetSettings of a stream; ``tests`` is the number of test videos."""
    from two_stream.models import settings_for

    usual = settings_for(s.net, stream)
    changes = {
        "classes": classes,
        "train_list": str(s.list_file("train", split, stream)),
        "test_list": str(s.list_file("test", split, stream)),
        "train_batch": min(s.batch or usual.train_batch, _share(s, stream)),
        "test_batch": min(usual.test_batch, tests),
        # The protocol of section 4.1 tests mirrors too.
        "mirror": True,
    }
    return settings_for(s.net, stream, **changes)


def stream_recipe(s: ReproduceSettings, stream: str, tests: int):
    """Returns the Recipe of a stream."""
    from two_stream.models import recipe_for

    return recipe_for(s.net, stream, test_videos=tests, random_seed=1)


def _share(s: ReproduceSettings, stream: str) -> int:
    """Returns the samples of an iteration that one rank works on."""
    from two_stream.models import recipe_for

    whole = recipe_for(s.net, stream).global_batch
    if whole % s.ranks:
        raise UserError(
            f"{s.ranks} ranks do not divide the {whole} samples of an iteration; "
            "use another number of them"
        )
    return whole // s.ranks
