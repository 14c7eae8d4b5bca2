#ifndef TWO_STREAM_PARALLEL_GRADIENT_PLAN_HPP_
#define TWO_STREAM_PARALLEL_GRADIENT_PLAN_HPP_

#include <cstddef>
#include <vector>

namespace two_stream {

// A learnable parameter as the plan sees it. Lengths in elements.
struct PlannedParam {
  size_t count;
  // The first layer that uses it: once backward has passed that layer the
  // gradient is complete, however many layers share the parameter.
  int first_layer;
  // Its gradient is the same on all ranks: it is used behind a Gather only, or
  // is frozen.
  bool replicated;
};

// A range of the gradient buffer that is all-reduced in one call.
struct GradientBucket {
  size_t begin;
  size_t count;
  int ready_layer;  // complete when backward has passed this layer
};

// How parameters lie in one buffer: those to be reduced first, in the order in
// which backward completes them, so that buckets are contiguous; then the
// replicated ones. Each starts at a multiple of kAlignment elements.
struct GradientPlan {
  static constexpr size_t kAlignment = 16;

  std::vector<size_t> offsets;  // of each parameter
  std::vector<GradientBucket> buckets;
  size_t reduced = 0;  // length of the part to be reduced
  size_t total = 0;
};

// Buckets are closed at the first parameter that makes them `bucket` elements
// or longer.
GradientPlan PlanGradients(const std::vector<PlannedParam>& params,
                           size_t bucket);

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_GRADIENT_PLAN_HPP_
