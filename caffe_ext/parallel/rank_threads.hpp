#ifndef TWO_STREAM_PARALLEL_RANK_THREADS_HPP_
#define TWO_STREAM_PARALLEL_RANK_THREADS_HPP_

#include <exception>
#include <functional>
#include <string>

namespace two_stream {

// The ranks of one process.
struct RankThreads {
  int count = 1;
  // What a rank does, on a thread of its own. What it throws it may pass to
  // `failed` first, while unwinding could hang: all end then, too.
  using Failed = std::function<void(const std::exception_ptr&)>;
  std::function<void(int rank, const Failed& failed)> run;
  // Makes the others' collectives end, when one has thrown.
  std::function<void(int rank, const std::string& cause)> fail;
  // "rank 2 of 4 (host)".
  std::function<std::string(int rank)> name;
  // How long the others may take to end, in seconds.
  double grace = 5;
};

// Returns when all ranks have ended well. If one throws, the others are made to
// end, and this throws UserError with one line that names the rank that failed
// first and the cause. A rank that hangs cannot be ended: then the line goes to
// standard error and the process exits with status 1.
void RunRanks(const RankThreads& ranks);

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_RANK_THREADS_HPP_
