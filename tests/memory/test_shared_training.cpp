// Training with shared buffers gives the same parameters, bit for bit.
#include <gtest/gtest.h>

#include "random_net.hpp"
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

}  // namespace
}  // namespace two_stream
