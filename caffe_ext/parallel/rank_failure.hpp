#ifndef TWO_STREAM_PARALLEL_RANK_FAILURE_HPP_
#define TWO_STREAM_PARALLEL_RANK_FAILURE_HPP_

#include <exception>
#include <functional>
#include <string>

#include "caffe_ext/parallel/process_world.hpp"

namespace two_stream {

// Names the calling thread's rank when one of Caffe's checks fails: they abort
// the process and say nothing of ranks. One more line has rank and check.
class ScopedRankName {
 public:
  explicit ScopedRankName(const std::string& name);
  ~ScopedRankName();
  ScopedRankName(const ScopedRankName&) = delete;
  ScopedRankName& operator=(const ScopedRankName&) = delete;
};

// The calling thread's, to be handed to threads that it starts; may be empty.
const std::string& RankName();

// Prints one line that names this process's rank and the cause, and ends all
// processes. Where the cause is another rank's silence all others notice it:
// the lowest of them speaks.
[[noreturn]] void EndWorld(ProcessWorld* world,
                           const std::exception_ptr& cause);

// Does so if `run` throws.
void EndWorldOnFailure(ProcessWorld* world, const std::function<void()>& run);

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_RANK_FAILURE_HPP_
