#ifndef TWO_STREAM_MEMORY_RECOMPUTE_HPP_
#define TWO_STREAM_MEMORY_RECOMPUTE_HPP_

#include <cstddef>
#include <vector>

#include "caffe_ext/memory/schedule.hpp"

namespace two_stream {

// What is dropped, and the iteration and arena that follow from it.
struct RecomputePlan {
  std::vector<bool> dropped;  // by storage
  Schedule schedule;
  MemoryPlan plan;
};

// The plan that drops exactly these storages.
RecomputePlan PlanDropping(const NetGraph& graph,
                           const std::vector<bool>& dropped);

// Chooses what to drop so that the arena has at most `budget` bytes, at little
// cost: greedily, the storage that takes most off the bytes above the budget
// (summed over the steps) per unit of cost. The result may be larger than the
// budget if that can't be met.
RecomputePlan PlanWithin(const NetGraph& graph, size_t budget);

// The smallest arena that PlanWithin finds.
RecomputePlan PlanSmallest(const NetGraph& graph);

}  // namespace two_stream

#endif  // TWO_STREAM_MEMORY_RECOMPUTE_HPP_
