"""The batch of an iteration is the paper's, whatever the number of ranks."""

import pytest
from two_stream.errors import UserError
from two_stream.reproduce.nets import stream_net, stream_recipe
from two_stream.reproduce.settings import ReproduceSettings


@pytest.mark.parametrize("ranks", [1, 2, 4, 16])
@pytest.mark.parametrize("stream", ["spatial", "temporal"])
def test_ranks_share_the_paper_s_batch(tmp_path, stream, ranks):
    s = ReproduceSettings("ucf101", *[tmp_path] * 3, net="vgg16", workers=ranks)
    net, recipe = stream_net(s, stream, 1, 101, 3783), stream_recipe(s, stream, 3783)
    assert recipe.global_batch == 256
    assert recipe.global_batch % (net.train_batch * ranks) == 0


def test_ranks_that_cannot_are_refused(tmp_path):
    s = ReproduceSettings("ucf101", *[tmp_path] * 3, net="vgg16", workers=3)
    with pytest.raises(UserError, match="3 ranks do not divide the 256 samples"):
        stream_net(s, "spatial", 1, 101, 3783)
