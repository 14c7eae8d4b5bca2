"""Solver files from a recipe."""

from __future__ import annotations

from caffe.proto import caffe_pb2

from two_stream.errors import UserError
from two_stream.models.settings import NetSettings, Recipe


def solver(
    recipe: Recipe, settings: NetSettings, net: str, snapshot_prefix: str
) -> caffe_pb2.SolverParameter:
    """The solver of the train_val file ``net``.

    There is no solver_mode in it and no iter_size, which `caffe train` derives
    from the global batch: the same file serves CPU and GPU, one rank and many.
    Raises UserError if the net's batch does not divide the recipe's.
    """
    if recipe.global_batch % settings.train_batch:
        raise UserError(
            f"a batch of {settings.train_batch} does not divide the recipe's "
            f"{recipe.global_batch} samples an iteration; choose one that does"
        )
    message = caffe_pb2.SolverParameter(
        net=net,
        test_iter=[-(-recipe.test_videos // settings.test_batch)],
        test_interval=recipe.test_interval,
        test_initialization=False,
        base_lr=recipe.base_lr,
        lr_policy="step",
        stepsize=recipe.step,
        gamma=0.1,
        max_iter=recipe.max_iter,
        global_batch_size=recipe.global_batch,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        display=recipe.display,
        average_loss=recipe.display,
        snapshot=recipe.snapshot,
        snapshot_prefix=snapshot_prefix,
    )
    if recipe.clip_gradients is not None:
        message.clip_gradients = recipe.clip_gradients
    if recipe.random_seed is not None:
        message.random_seed = recipe.random_seed
    return message
