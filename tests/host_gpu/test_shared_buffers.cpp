// Shared buffers in GPU mode: the plan for cuDNN's layers, and blobs in an
// arena of device memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "caffe/caffe.hpp"
#include "caffe_ext/common/run_context.hpp"
#include "caffe_ext/memory/optimize_memory.hpp"
#include "tests/host_gpu/host_gpu.hpp"
#include "tests/memory/training.hpp"

namespace two_stream {
namespace {

using caffe::Caffe;

std::string Convolution(const std::string& name, const std::string& bottom,
                        const std::string& more = "") {
  return "layer { name: '" + name + "' type: 'Convolution' bottom: '" + bottom +
         "' top: '" + name +
         "' convolution_param { num_output: 4 kernel_size: 3 pad: 1 "
         "weight_filler { type: 'xavier' } } " +
         more + "}\n";
}

// Layers whose kernels the stand-in has.
const caffe::NetParameter& TheNet() {
  static const caffe::NetParameter net = ParseNet(
      "layer { name: 'data' type: 'DummyData' top: 'data' dummy_data_param { "
      "shape { dim: 3 dim: 3 dim: 12 dim: 12 } "
      "data_filler { type: 'gaussian' } } }\n" +
      Convolution("conv1", "data") + Convolution("conv2", "conv1") +
      "layer { name: 'drop2' type: 'Dropout' bottom: 'conv2' top: 'conv2' }\n" +
      Convolution("conv3", "conv2") + Convolution("conv4", "conv3") +
      "layer { name: 'bn4' type: 'BN' bottom: 'conv4' top: 'conv4' }\n" +
      Convolution("score", "conv4", "loss_weight: 1 "));
  return net;
}

class SharedBuffersOnDevice : public testing::Test {
 protected:
  void SetUp() override { Caffe::set_mode(Caffe::GPU); }
  void TearDown() override {
    Caffe::set_mode(Caffe::CPU);
    HostGpu::Get() = HostGpu();
  }

  struct Result {
    std::vector<float> numbers;  // outputs, parameters and their gradients
    size_t bytes = 0;            // of the device
    size_t planned = 0, unshared = 0;
    double recomputed = 0;
  };

  static void Append(const caffe::Blob<float>& blob, bool diff,
                     std::vector<float>* numbers) {
    const float* from = diff ? blob.cpu_diff() : blob.cpu_data();
    numbers->insert(numbers->end(), from, from + blob.count());
  }

  // Two passes; gradients add up.
  static Result Run(caffe::Phase phase, const MemoryOptions& options) {
    Result result;
    const size_t before = TakenMemory();
    ScopedRunContext context(RunContext{9, 0, 1, false});
    Caffe::set_random_seed(3);
    caffe::NetParameter param = TheNet();
    param.mutable_state()->set_phase(phase);
    caffe::Net<float> net(param);
    OptimizeMemory(&net, options);
    net.ClearParamDiffs();
    for (int pass = 0; pass < 2; ++pass) {
      net.Forward();
      if (phase == caffe::TRAIN) net.Backward();
      Append(*net.output_blobs()[0], false, &result.numbers);
    }
    result.bytes = TakenMemory() - before;
    for (const auto& blob : net.params()) {
      Append(*blob, false, &result.numbers);
      if (phase == caffe::TRAIN) Append(*blob, true, &result.numbers);
    }
    if (const NetMemory<float>* memory = MemoryOf(net)) {
      result.planned = memory->Summary().planned;
      result.unshared = memory->Summary().unshared;
      result.recomputed = memory->Summary().recompute_share;
    }
    return result;
  }

  static Result Unshared(caffe::Phase phase) {
    MemoryOptions off;
    off.enabled = false;
    return Run(phase, off);
  }
};

TEST_F(SharedBuffersOnDevice, TrainTheSame) {
  const Result expected = Unshared(caffe::TRAIN);
  const Result shared = Run(caffe::TRAIN, MemoryOptions());
  EXPECT_TRUE(SameBits(expected.numbers, shared.numbers));
  EXPECT_LT(shared.planned, shared.unshared);
  EXPECT_LT(shared.bytes, expected.bytes);
}

TEST_F(SharedBuffersOnDevice, RecomputeTheSame) {
  const Result expected = Unshared(caffe::TRAIN);
  MemoryOptions options;
  options.recompute = true;
  options.recompute_blobs = {"conv2", "conv3"};
  const Result again = Run(caffe::TRAIN, options);
  EXPECT_GT(again.recomputed, 0);
  EXPECT_TRUE(SameBits(expected.numbers, again.numbers));
}

TEST_F(SharedBuffersOnDevice, TestTheSame) {
  const Result expected = Unshared(caffe::TEST);
  MemoryOptions options;
  options.backward = false;
  const Result shared = Run(caffe::TEST, options);
  EXPECT_TRUE(SameBits(expected.numbers, shared.numbers));
  EXPECT_LT(shared.bytes, expected.bytes);
}

// A net that is used on the CPU first is planned again for the device.
TEST_F(SharedBuffersOnDevice, ModesMayChange) {
  const Result expected = Unshared(caffe::TEST);
  ScopedRunContext context(RunContext{9, 0, 1, false});
  Caffe::set_random_seed(3);
  caffe::NetParameter param = TheNet();
  param.mutable_state()->set_phase(caffe::TEST);
  caffe::Net<float> net(param);
  MemoryOptions options;
  options.backward = false;
  OptimizeMemory(&net, options);
  const int outputs = net.output_blobs()[0]->count();
  for (int pass = 0; pass < 2; ++pass) {
    Caffe::set_mode(pass == 0 ? Caffe::CPU : Caffe::GPU);
    net.Forward();
    const float* output = net.output_blobs()[0]->cpu_data();
    const float* other = &expected.numbers[pass * outputs];
    float scale = 0;
    for (int i = 0; i < outputs; ++i) {
      scale = std::max(scale, std::abs(other[i]));
    }
    for (int i = 0; i < outputs; ++i) {
      ASSERT_NEAR(output[i], other[i], 1e-5f * scale);
    }
  }
}

}  // namespace
}  // namespace two_stream
