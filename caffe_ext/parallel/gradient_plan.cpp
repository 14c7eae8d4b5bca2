#include "caffe_ext/parallel/gradient_plan.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace two_stream {
namespace {

size_t Padded(size_t count) {
  const size_t unit = GradientPlan::kAlignment;
  return (count + unit - 1) / unit * unit;
}

}  // namespace

GradientPlan PlanGradients(const std::vector<PlannedParam>& params,
                           size_t bucket) {
  std::vector<size_t> order(params.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::make_tuple(params[a].replicated, -params[a].first_layer) <
           std::make_tuple(params[b].replicated, -params[b].first_layer);
  });

  GradientPlan plan;
  plan.offsets.resize(params.size());
  bool open = false;
  for (size_t i : order) {
    const PlannedParam& param = params[i];
    plan.offsets[i] = plan.total;
    plan.total += Padded(param.count);
    if (param.replicated) continue;
    plan.reduced = plan.total;
    if (!open) plan.buckets.push_back({plan.offsets[i], 0, 0});
    GradientBucket& last = plan.buckets.back();
    last.count = plan.total - last.begin;
    last.ready_layer = param.first_layer;
    open = last.count < bucket;
  }
  return plan;
}

}  // namespace two_stream
