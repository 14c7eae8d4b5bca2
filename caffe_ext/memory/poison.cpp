#include "caffe_ext/memory/poison.hpp"

#include <algorithm>

namespace two_stream {

std::vector<std::vector<ByteRange>> DeadRanges(const Schedule& schedule,
                                               const MemoryPlan& plan) {
  std::vector<std::vector<ByteRange>> dead(schedule.steps.size());
  const auto& buffers = schedule.problem.buffers;
  for (size_t t = 0; t < dead.size(); ++t) {
    std::vector<ByteRange> held;
    for (size_t i = 0; i < buffers.size(); ++i) {
      const int now = static_cast<int>(t);
      if (buffers[i].first < now && now <= buffers[i].last) {
        held.push_back({plan.offsets[i], plan.offsets[i] + buffers[i].bytes});
      }
    }
    std::sort(held.begin(), held.end(),
              [](const ByteRange& a, const ByteRange& b) {
                return a.begin < b.begin;
              });
    size_t end = 0;
    for (const ByteRange& range : held) {
      if (range.begin > end) dead[t].push_back({end, range.begin});
      end = std::max(end, range.end);
    }
    if (end < plan.arena_bytes) dead[t].push_back({end, plan.arena_bytes});
  }
  return dead;
}

}  // namespace two_stream
