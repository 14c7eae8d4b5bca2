// BN layers in a net whose blobs share buffers.
#include <gtest/gtest.h>

#include <string>

#include "tests/memory/training.hpp"

namespace two_stream {
namespace {

// Nobody but BN needs the convolutions' outputs in backward.
const char kNet[] = R"(
    layer { name: "data" type: "DummyData" top: "data" top: "label"
      dummy_data_param {
        shape { dim: 4 dim: 3 dim: 8 dim: 8 } shape { dim: 4 }
        data_filler { type: "gaussian" } data_filler { type: "constant" } } }
    layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
      convolution_param { num_output: 4 kernel_size: 3
        weight_filler { type: "xavier" } } }
    layer { name: "bn1" type: "BN" bottom: "conv1" top: "bn1" }
    layer { name: "relu1" type: "ReLU" bottom: "bn1" top: "bn1" }
    layer { name: "conv2" type: "Convolution" bottom: "bn1" top: "conv2"
      convolution_param { num_output: 4 kernel_size: 3
        weight_filler { type: "xavier" } } }
    layer { name: "bn2" type: "BN" bottom: "conv2" top: "bn2"
      bn_param { frozen: true } }
    layer { name: "relu2" type: "ReLU" bottom: "bn2" top: "bn2" }
    layer { name: "conv3" type: "Convolution" bottom: "bn2" top: "conv3"
      convolution_param { num_output: 4 kernel_size: 3
        weight_filler { type: "xavier" } } }
    layer { name: "bn3" type: "BN" bottom: "conv3" top: "conv3" }
    layer { name: "fc" type: "InnerProduct" bottom: "conv3" top: "fc"
      inner_product_param { num_output: 3
        weight_filler { type: "xavier" } } }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label"
      top: "loss" })";

TEST(BnMemoryTest, SharedBuffersGiveTheSameParameters) {
  const caffe::NetParameter net = ParseNet(kNet);
  const auto expected = TrainUnshared<float>(net, 3, 2);
  for (bool recompute : {false, true}) {
    MemoryOptions options;
    options.poison = true;
    options.recompute = recompute;
    EXPECT_TRUE(SameBits(expected, TrainShared<float>(net, 3, options, 2)));
  }
}

}  // namespace
}  // namespace two_stream
