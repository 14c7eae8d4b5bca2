#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "caffe_ext/parallel/gradient_plan.hpp"

namespace two_stream {
namespace {

TEST(GradientPlan, CoversEveryReducedParameterOnce) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<PlannedParam> params(random() % 12);
    for (PlannedParam& param : params) {
      param = {random() % 300 + 1, int(random() % 8), random() % 3 == 0};
    }
    const size_t bucket = random() % 500 + 1;
    const GradientPlan plan = PlanGradients(params, bucket);

    std::vector<int> owners(plan.total, 0);
    for (size_t i = 0; i < params.size(); ++i) {
      EXPECT_EQ(0u, plan.offsets[i] % GradientPlan::kAlignment);
      ASSERT_LE(plan.offsets[i] + params[i].count, plan.total);
      for (size_t k = 0; k < params[i].count; ++k) {
        ++owners[plan.offsets[i] + k];
      }
      EXPECT_EQ(params[i].replicated, plan.offsets[i] >= plan.reduced);
    }
    EXPECT_TRUE(std::all_of(owners.begin(), owners.end(),
                            [](int n) { return n <= 1; }));

    size_t end = 0;
    int ready = 1000;
    for (const GradientBucket& b : plan.buckets) {
      EXPECT_EQ(end, b.begin);  // no gap, no overlap
      end = b.begin + b.count;
      EXPECT_LE(b.ready_layer, ready);  // in the order of backward
      ready = b.ready_layer;
      if (&b != &plan.buckets.back()) {
        EXPECT_GE(b.count, bucket);
      }
      for (size_t i = 0; i < params.size(); ++i) {
        if (plan.offsets[i] >= b.begin && plan.offsets[i] < end) {
          EXPECT_GE(params[i].first_layer, b.ready_layer);
        }
      }
    }
    EXPECT_EQ(plan.reduced, end);
  }
}

}  // namespace
}  // namespace two_stream
