#ifndef TWO_STREAM_PARALLEL_RANK_FAILURE_HPP_
#define TWO_STREAM_PARALLEL_RANK_FAILURE_HPP_

#include <functional>
#include <string>

#include "caffe_ext/parallel/process_world.hpp"

namespace two_stream {

// Names the calling thread's rank in what Caffe's failed checks print: they
// abort the process, with a line of their own that says nothing of ranks.
class ScopedRankName {
 public:
  explicit ScopedRankName(const std::string& name);
  ~ScopedRankName();
  ScopedRankName(const ScopedRankName&) = delete;
  ScopedRankName& operator=(const ScopedRankName&) = delete;
};

// Runs one process's rank. If it throws, prints one line that names the rank
// and the cause and ends all processes. Where the cause is another rank's
// silence all others notice it: the lowest of them speaks.
void EndWorldOnFailure(ProcessWorld* world, const std::function<void()>& run);

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_RANK_FAILURE_HPP_
