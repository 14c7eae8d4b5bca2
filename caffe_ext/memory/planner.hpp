#ifndef TWO_STREAM_MEMORY_PLANNER_HPP_
#define TWO_STREAM_MEMORY_PLANNER_HPP_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace two_stream {

// Something that needs memory while steps [first, last] run, both included.
struct Buffer {
  std::string name;
  size_t bytes = 0;
  int first = 0;
  int last = 0;
};

// In the one step that two buffers have in common (reader.last ==
// writer.first), `writer` may be written over `reader` as long as
//   offset[reader] - offset[writer] >= min_lead   (bytes, may be negative).
// So a layer that takes images one by one may put its output where its input
// was, see OverlayLead().
struct Overlay {
  int reader = 0;
  int writer = 0;
  int64_t min_lead = 0;
};

// What to place. Pure data: neither layers nor tensors.
struct MemoryProblem {
  std::vector<Buffer> buffers;
  std::vector<Overlay> overlays;
  size_t alignment = 64;  // of every offset, a power of two
};

// Where each buffer lies in one arena.
struct MemoryPlan {
  std::vector<size_t> offsets;  // bytes, by index of the buffer
  size_t arena_bytes = 0;
  std::string heuristic;  // that found it
};

// One heuristic: buffers are placed one after another, in a fixed order, each
// into a free range that its life allows.
struct Heuristic {
  enum Order {
    SIZE,      // largest first
    LIFETIME,  // longest life first
    AREA,      // largest bytes x steps first
    BIRTH,     // as a run-time allocator would
  };
  enum Fit {
    LOWEST,    // the lowest free offset
    TIGHTEST,  // the smallest free range that holds it
  };
  Order order = SIZE;
  Fit fit = LOWEST;
};

std::string Name(const Heuristic& heuristic);
std::vector<Heuristic> AllHeuristics();

// The least lead of the reader that keeps `images` images safe when the layer
// reads image n of `read_bytes` whole before it writes image n of
// `write_bytes`, n ascending.
int64_t OverlayLead(int64_t images, int64_t read_bytes, int64_t write_bytes);

// Sum of all buffers: what they take when nothing is shared.
size_t RawBytes(const MemoryProblem& problem);

// Bytes alive in each step (index 0 is step 0), overlays taken off.
std::vector<size_t> LiveBytes(const MemoryProblem& problem);

// No plan can be smaller: the largest live set.
size_t LowerBound(const MemoryProblem& problem);

// What one heuristic finds.
MemoryPlan PlanWith(const MemoryProblem& problem, const Heuristic& heuristic);

// The best of all heuristics, then improved by at most `rounds` rounds that
// place the buffer at the top of the arena earlier; stops at the lower bound.
// Deterministic.
MemoryPlan PlanMemory(const MemoryProblem& problem, int rounds = 300);

// "" if the problem is well formed, else what is wrong.
std::string CheckProblem(const MemoryProblem& problem);

// "" if no two buffers that live at the same time share a byte (but for allowed
// overlays), every offset is aligned and inside the arena; else the first
// fault. Shares no code with the planner.
std::string CheckPlan(const MemoryProblem& problem, const MemoryPlan& plan);

}  // namespace two_stream

#endif  // TWO_STREAM_MEMORY_PLANNER_HPP_
