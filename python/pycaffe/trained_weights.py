"""Weights of any age and shape in pycaffe; imported by ``caffe`` itself.

``Net(file, phase, weights=...)``, the older ``Net(file, weights, phase)`` and
``Net.copy_from(weights)`` take what the ``caffe`` command takes. A file that does
not fit the net raises ``RuntimeError``, where Caffe ends the process.
"""

from functools import wraps

from . import _caffe, _weights


def _loading(init):
    """Wraps ``Net.__init__``: it makes the net, and we load the weights."""

    @wraps(init)
    def wrapper(self, *args, weights=None, **kwargs):
        if len(args) == 3 and isinstance(args[1], str):
            file, weights, phase = args
            args = file, phase
        init(self, *args, **kwargs)
        if weights is not None:
            _weights.copy_into(self, weights)

    return wrapper


def install():
    _caffe.Net.__init__ = _loading(_caffe.Net.__init__)
    _caffe.Net.copy_from = _weights.copy_into


install()
