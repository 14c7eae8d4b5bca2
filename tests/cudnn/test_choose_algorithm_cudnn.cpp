#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "caffe_ext/cudnn/choose_algorithm.hpp"

namespace two_stream {
namespace {

using Perf = cudnnConvolutionFwdAlgoPerf_t;

// How good a proposal is, smaller being better; 2 will not do.
int Class(const Perf& perf, size_t limit) {
  if (perf.status != CUDNN_STATUS_SUCCESS || perf.memory > limit ||
      perf.mathType == CUDNN_TENSOR_OP_MATH ||
      perf.mathType == CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION) {
    return 2;
  }
  return perf.determinism == CUDNN_DETERMINISTIC ? 0 : 1;
}

TEST(ChooseAlgorithm, IsTheFirstOfTheBestClass) {
  std::mt19937 random(3);
  const auto draw = [&random](int n) { return static_cast<int>(random() % n); };
  for (int trial = 0; trial < 2000; ++trial) {
    const size_t limit = draw(4);
    std::vector<Perf> proposals(draw(7));
    for (Perf& perf : proposals) {
      perf.status = draw(3) ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
      perf.memory = draw(6);
      perf.determinism =
          draw(2) ? CUDNN_DETERMINISTIC : CUDNN_NON_DETERMINISTIC;
      perf.mathType = static_cast<cudnnMathType_t>(draw(4));
    }
    const Perf* chosen = ChooseAlgorithm(proposals, limit);
    const auto best = std::min_element(
        proposals.begin(), proposals.end(), [&](const Perf& a, const Perf& b) {
          return Class(a, limit) < Class(b, limit);
        });
    if (best == proposals.end() || Class(*best, limit) == 2) {
      EXPECT_EQ(chosen, nullptr);
    } else {
      EXPECT_EQ(chosen, &*best);
    }
  }
}

}  // namespace
}  // namespace two_stream
