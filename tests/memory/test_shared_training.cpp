// Training with shared buffers gives the same parameters, bit for bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "random_net.hpp"
#include "tools/synthetic_data.hpp"
#include "training.hpp"

namespace two_stream {
namespace {

MemoryOptions Poisoned() {
  MemoryOptions options;
  options.poison = true;
  return options;
}

TEST(SharedTraining, RandomNets) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    const std::string text = RandomNet(seed).Text(1 + seed % 25);
    const caffe::NetParameter net = ParseNet(text);
    const auto expected = TrainUnshared<float>(net, 3);
    ASSERT_TRUE(SameBits(expected, TrainShared<float>(net, 3, Poisoned())))
        << seed << "\n"
        << text;
  }
}

TEST(SharedTraining, RandomNetsRecomputed) {
  for (uint32_t seed = 0; seed < 200; seed += 9) {
    const std::string text = RandomNet(seed).Text(1 + seed % 25);
    const caffe::NetParameter net = ParseNet(text);
    const auto expected = TrainUnshared<float>(net, 3);
    MemoryOptions options = Poisoned();
    options.recompute = true;
    ASSERT_TRUE(SameBits(expected, TrainShared<float>(net, 3, options)))
        << seed << "\n"
        << text;
  }
}

TEST(SharedTraining, DoubleAndIterSize) {
  for (uint32_t seed : {3u, 14u, 24u}) {
    const caffe::NetParameter net = ParseNet(RandomNet(seed).Text(15));
    EXPECT_TRUE(SameBits(TrainUnshared<double>(net, 3, 2),
                         TrainShared<double>(net, 3, Poisoned(), 2)));
  }
}

// A solver whose train and test nets share one arena, tested in between.
TEST(SharedTraining, TestNetsInTheSameArena) {
  const auto train = [](bool share) {
    caffe::NetParameter net = ParseNet(RandomNet(5).Text(20));
    net.mutable_mem_param()->set_optimize_train(share);
    net.mutable_mem_param()->set_optimize_test(share);
    caffe::SolverParameter param;
    param.mutable_net_param()->CopyFrom(net);
    param.set_base_lr(0.01f);
    param.set_lr_policy("fixed");
    param.set_max_iter(7);
    param.set_test_interval(2);
    param.add_test_iter(3);
    param.add_test_iter(2);
    param.add_test_state()->add_stage("one");
    param.add_test_state()->add_stage("two");
    param.set_snapshot_after_train(false);
    param.set_random_seed(4);
    caffe::SGDSolver<float> solver(param);
    OptimizeMemory(&solver);
    solver.Solve();
    std::vector<float> result = ParametersOf(*solver.net());
    for (const auto& test : solver.test_nets()) {
      EXPECT_EQ(MemoryOf(*test) != nullptr, share);
      for (const auto* blob : test->output_blobs()) {
        result.push_back(blob->cpu_data()[0]);
      }
    }
    return result;
  };
  EXPECT_TRUE(SameBits(train(false), train(true)));
}

// The shipped nets on small random images: fewer channels, same graph.
caffe::NetParameter Shrunk(const std::string& file, int size) {
  caffe::NetParameter net;
  caffe::ReadNetParamsFromTextFileOrDie(file, &net);
  net.clear_mem_param();
  for (caffe::LayerParameter& layer : *net.mutable_layer()) {
    if (layer.type() == "VideoData") {
      layer.mutable_transform_param()->set_crop_size(size);
    } else if (layer.has_convolution_param()) {
      auto* convolution = layer.mutable_convolution_param();
      convolution->set_num_output(convolution->num_output() / 4);
    } else if (layer.has_inner_product_param() &&
               layer.inner_product_param().num_output() > 200) {
      layer.mutable_inner_product_param()->set_num_output(24);
    } else if (layer.has_pooling_param() &&
               layer.pooling_param().pool() ==
                   caffe::PoolingParameter_PoolMethod_AVE) {
      layer.mutable_pooling_param()->set_kernel_size(2);
    }
  }
  UseSyntheticData(2, &net);
  return net;
}

TEST(SharedTraining, ShippedNets) {
  const struct {
    const char* name;
    int size;
  } nets[] = {
      {"spatial_clarifai", 96},     {"temporal_clarifai", 96},
      {"spatial_googlenet", 64},    {"temporal_googlenet", 64},
      {"spatial_small", 64},        {"temporal_small", 64},
      {"spatial_vgg16", 32},        {"temporal_vgg16", 32},
      {"spatial_vgg16_gather", 32}, {"temporal_vgg16_gather", 32},
  };
  for (const auto& shipped : nets) {
    SCOPED_TRACE(shipped.name);
    const caffe::NetParameter net =
        Shrunk(std::string(TEST_SOURCE_DIR "/../models/") + shipped.name +
                   "_train_val.prototxt",
               shipped.size);
    const auto expected = TrainUnshared<float>(net, 20);
    EXPECT_TRUE(std::all_of(expected.begin(), expected.end(),
                            [](float value) { return std::isfinite(value); }));
    EXPECT_FALSE(SameBits(expected, TrainUnshared<float>(net, 19)));
    EXPECT_TRUE(SameBits(expected, TrainShared<float>(net, 20, Poisoned())));
    MemoryOptions recompute = Poisoned();
    recompute.recompute = true;
    EXPECT_TRUE(SameBits(expected, TrainShared<float>(net, 20, recompute)));
  }
}

}  // namespace
}  // namespace two_stream
