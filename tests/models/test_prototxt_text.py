"""Our printer against protobuf's own parser."""

import numpy as np
from caffe.proto import caffe_pb2
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from two_stream.models import to_text

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
# Caffe's strings are bytes of UTF-8.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def nets(draw):
    net = caffe_pb2.NetParameter(name=draw(TEXT))
    net.mem_param.exclude_blob.extend(draw(st.lists(TEXT, max_size=3)))
    for _ in range(draw(st.integers(0, 3))):
        layer = net.layer.add(name=draw(TEXT), phase=draw(st.integers(0, 1)))
        layer.transform_param.scale_ratios.extend(draw(st.lists(FLOATS, max_size=3)))
        layer.transform_param.mirror = draw(st.booleans())
        layer.video_data_param.new_length = draw(st.integers(0, 2**32 - 1))
        layer.convolution_param.weight_filler.std = draw(FLOATS)
        layer.blobs.add(double_data=draw(st.lists(st.floats(-1e300, 1e300))))
    return net


@given(nets(), st.text("ab #\n", max_size=20))
def test_what_is_printed_parses_to_the_same(net, comment):
    parsed = text_format.Parse(to_text(net, comment), caffe_pb2.NetParameter())
    assert parsed == net


def test_floats_are_short():
    filler = caffe_pb2.FillerParameter(std=0.1, value=float(np.float32(1e-5)), min=3)
    lines = to_text(filler).splitlines()
    assert lines == ["value: 0.00001", "min: 3", "std: 0.1"]
