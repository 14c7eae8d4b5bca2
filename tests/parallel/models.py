"""Parameters out of snapshots."""

import numpy as np
from caffe.proto import caffe_pb2


def params(caffemodel):
    """Layer and blob -> array, of a .caffemodel."""
    net = caffe_pb2.NetParameter.FromString(caffemodel.read_bytes())
    return {
        (layer.name, i): np.array(blob.data, np.float32)
        for layer in net.layer
        for i, blob in enumerate(layer.blobs)
    }


def state(solverstate):
    return caffe_pb2.SolverState.FromString(solverstate.read_bytes())


def relative_error(a, b):
    """The largest over blobs of ||a - b|| / ||b||."""
    assert a.keys() == b.keys()
    return max(np.linalg.norm(a[k] - b[k]) / np.linalg.norm(b[k]) for k in b)


def same_bits(a, b):
    return a.keys() == b.keys() and all(a[k].tobytes() == b[k].tobytes() for k in b)
