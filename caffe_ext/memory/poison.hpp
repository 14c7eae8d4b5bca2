#ifndef TWO_STREAM_MEMORY_POISON_HPP_
#define TWO_STREAM_MEMORY_POISON_HPP_

#include <cstddef>
#include <vector>

#include "caffe_ext/memory/schedule.hpp"

namespace two_stream {

struct ByteRange {
  size_t begin;
  size_t end;  // excluded
};

// By step: the bytes of the arena that hold nothing which is read in this step
// or later. They may be filled with garbage just before it, and nothing may
// change: so tests find layers that read what the plan says they don't.
std::vector<std::vector<ByteRange>> DeadRanges(const Schedule& schedule,
                                               const MemoryPlan& plan);

}  // namespace two_stream

#endif  // TWO_STREAM_MEMORY_POISON_HPP_
