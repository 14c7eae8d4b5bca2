"""One sample and the centre crop are what the VideoData layer shows in TEST."""

import subprocess
import sys

import numpy as np
import pytest
from small_data import small_weights
from two_stream.evaluation.run import evaluate
from two_stream.evaluation.settings import EvaluateSettings
from two_stream.locate import python_environment

NET = """
layer {{ name: "data" type: "VideoData" top: "data" top: "label"
  include {{ phase: TEST }}
  transform_param {{ crop_size: 32 {mean} scale: 0.5 is_flow: {flow} }}
  video_data_param {{ source: "{source}" batch_size: 3 new_length: {length}
    modality: {modality} {resize} short_clip: PAD }} }}
layer {{ name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param {{ num_output: 4 kernel_size: 5 stride: 3 }} }}
layer {{ name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }}
layer {{ name: "fc8" type: "InnerProduct" bottom: "conv1" top: "fc8"
  inner_product_param {{ num_output: 3 }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "fc8" bottom: "label" }}
"""


@pytest.mark.parametrize("modality", ["rgb", "flow"])
@pytest.mark.parametrize("resize", ["", "new_width: 47 new_height: 36"])
def test_evaluation_sees_what_the_layer_sees(tmp_path, footage, modality, resize):
    flow = modality == "flow"
    net, weights = tmp_path / "net.prototxt", tmp_path / "w.caffemodel"
    net.write_text(
        NET.format(
            mean="mean_value: 120 mean_value: 130" if flow else "mean_value: 99",
            flow=str(flow).lower(),
            source=footage.flow_list if flow else footage.rgb_list,
            length=5 if flow else 1,
            modality=modality.upper(),
            resize=resize,
        )
    )
    small_weights(weights, 10 if flow else 3)
    scores = evaluate(
        EvaluateSettings(
            net=str(net),
            weights=str(weights),
            list=str(footage.flow_list if flow else footage.rgb_list),
            out=str(tmp_path / "s.npz"),
            samples=1,
            crops=1,
            progress=False,
        )
    )
    code = (
        "import caffe, numpy\n"
        f"net = caffe.Net({str(net)!r}, caffe.TEST, weights={str(weights)!r})\n"
        "net.forward()\n"
        "numpy.savez('out.npz', *[net.blobs[name].data for name in ('fc8', 'label')])"
    )
    command = [sys.executable, "-c", code]
    subprocess.run(command, check=True, cwd=tmp_path, env=python_environment())
    layer = np.load(tmp_path / "out.npz")
    np.testing.assert_array_equal(layer["arr_1"].ravel(), scores.labels)
    np.testing.assert_allclose(layer["arr_0"], scores.scores, rtol=1e-4, atol=1e-3)
