"""Shared memory buffers in pycaffe; imported by ``caffe`` itself.

Nets and solvers made from Python share buffers as the ``mem_param`` of their
prototxt says. A blob that is read or written from Python keeps a buffer of its
own from then on, so arrays stay what they are; reading one whose buffer has been
reused raises ``RuntimeError``, which says how to keep it.
"""

import sys
from functools import wraps

from . import _caffe, _memory

SOLVERS = (
    "SGDSolver",
    "NesterovSolver",
    "AdaGradSolver",
    "RMSPropSolver",
    "AdaDeltaSolver",
    "AdamSolver",
)


def _after_init(cls, then):
    """Calls ``then(self, *arguments)`` when an object of ``cls`` has been made."""
    init = cls.__init__

    @wraps(init)
    def wrapper(self, *args, **kwargs):
        init(self, *args, **kwargs)
        then(self, *args, **kwargs)

    cls.__init__ = wrapper


def _optimize_net(net, *args, **kwargs):
    _memory.optimize_net(net, args[0] if args else kwargs["network_file"])


def _optimize_solver(solver, *args, **kwargs):
    _memory.optimize_solver(solver)


def _claimed(name, is_diff):
    """The property ``name`` of Blob, claimed at each use."""
    getter = getattr(_caffe.Blob, name).fget

    def get(blob):
        _memory.claim(blob, is_diff)
        return getter(blob)

    return property(get)


def _keeping(method, keyword):
    """``forward(blobs=[...])``: what is asked for is kept in that pass."""

    @wraps(method)
    def wrapper(self, asked=None, *args, **kwargs):
        asked = kwargs.pop(keyword, asked)
        for blob in asked or ():
            _memory.keep(self, blob)
        return method(self, asked, *args, **kwargs)

    return wrapper


def install():
    caffe = sys.modules[__package__]
    net = _caffe.Net
    _after_init(net, _optimize_net)
    for name in SOLVERS:
        _after_init(getattr(_caffe, name), _optimize_solver)
    get_solver = _caffe.get_solver

    @wraps(get_solver)
    def optimized_solver(*args, **kwargs):
        solver = get_solver(*args, **kwargs)
        _memory.optimize_solver(solver)
        return solver

    caffe.get_solver = _caffe.get_solver = optimized_solver
    net.forward = _keeping(net.forward, "blobs")
    net.backward = _keeping(net.backward, "diffs")
    _caffe.Blob.data = _claimed("data", False)
    _caffe.Blob.diff = _claimed("diff", True)


install()
