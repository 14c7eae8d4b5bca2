#ifndef TWO_STREAM_MEMORY_MEMORY_OPTIONS_HPP_
#define TWO_STREAM_MEMORY_MEMORY_OPTIONS_HPP_

#include <cstddef>
#include <set>
#include <string>

#include "caffe_ext/memory/net_binding.hpp"
#include "caffe_ext/memory/recompute.hpp"

namespace two_stream {

// What OptimizeMemory does to a net.
struct MemoryOptions {
  bool enabled = true;
  // Plan for a backward pass. Without it, Backward() is refused.
  bool backward = true;
  // Blobs that keep buffers of their own; exclude_blob.
  std::set<std::string> excluded;
  // The smallest activations, up to this share of all buffers, keep their own
  // too: they cost next to nothing, and are what is read as features.
  double keep_share = 0;
  // Drop activations and compute them again in backward: these, or, if none is
  // named, as many as it takes for an arena of at most `budget_bytes` (0: as
  // small as possible).
  bool recompute = false;
  std::set<std::string> recompute_blobs;
  size_t budget_bytes = 0;
  // For tests, CPU only: before each step, all bytes that the plan says are
  // dead are overwritten.
  bool poison = false;
};

// In bytes.
struct MemorySummary {
  size_t stock = 0;   // what Caffe would allocate for the same pass
  size_t pinned = 0;  // in buffers of their own
  size_t unshared = 0;
  size_t planned = 0;  // the arena
  size_t lower_bound = 0;
  double recompute_share = 0;  // cost of recomputation / cost of forward
  std::string heuristic;
};

// Pins the smallest activations, up to a share of all buffers.
void KeepSmallest(double share, NetBinding* binding);

// The plan that the options ask for. Throws UserError if they name a blob that
// the net doesn't have or a budget that can't be met.
RecomputePlan ChoosePlan(const NetBinding& binding,
                         const MemoryOptions& options,
                         const std::string& net_name);

MemorySummary Summarize(const NetBinding& binding, const RecomputePlan& plan);

}  // namespace two_stream

#endif  // TWO_STREAM_MEMORY_MEMORY_OPTIONS_HPP_
