#ifndef TWO_STREAM_MEMORY_SCHEDULE_HPP_
#define TWO_STREAM_MEMORY_SCHEDULE_HPP_

#include <vector>

#include "caffe_ext/memory/net_graph.hpp"
#include "caffe_ext/memory/planner.hpp"

namespace two_stream {

// One layer's turn. RECOMPUTE runs its forward again during the backward pass.
struct Step {
  enum Kind { FORWARD, RECOMPUTE, BACKWARD };
  Kind kind = FORWARD;
  int layer = 0;
};

// One life of a storage, or a layer's scratch: buffer i of Schedule::problem is
// life i. A storage that is dropped and computed again has several, maybe at
// different places.
struct Life {
  int storage = -1;  // -1: scratch of the layer of step `step`
  int step = 0;      // the first step
};

// What happens in which order in one iteration, and what has to be placed.
struct Schedule {
  std::vector<Step> steps;
  std::vector<Life> lives;
  MemoryProblem problem;
  // By step: the lives that its layer reads and writes (scratch is written).
  // Pinned storages don't appear.
  std::vector<std::vector<int>> reads;
  std::vector<std::vector<int>> writes;
  // By layer: the step of its forward and backward turn, -1 if none.
  std::vector<int> forward_step;
  std::vector<int> backward_step;
  // Sum of the costs of all RECOMPUTE steps.
  double recompute_cost = 0;
};

// Storages that may be dropped after the forward pass: computed by repeatable
// layers, read again in the backward pass, not pinned, and never changed in
// place after another layer read them.
std::vector<bool> Droppable(const NetGraph& graph);

// The steps and lives of one iteration. `dropped` storages (all droppable, by
// index; empty: none) don't outlive their last use in the forward pass; before
// the first layer whose backward reads one, the layers that compute it run
// again, and whatever those need.
Schedule MakeSchedule(const NetGraph& graph,
                      const std::vector<bool>& dropped = {});

}  // namespace two_stream

#endif  // TWO_STREAM_MEMORY_SCHEDULE_HPP_
