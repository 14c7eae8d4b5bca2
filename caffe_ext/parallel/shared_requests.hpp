#ifndef TWO_STREAM_PARALLEL_SHARED_REQUESTS_HPP_
#define TWO_STREAM_PARALLEL_SHARED_REQUESTS_HPP_

#include <chrono>

#include "caffe/solver.hpp"
#include "caffe_ext/parallel/communicator.hpp"

namespace two_stream {

// Signals ask for a snapshot or for the end. One may reach a single rank, or
// all of them at slightly different moments; either way the ranks act on it
// together, once.
class SharedRequests {
 public:
  // `poll` gives this rank's requests, each once.
  explicit SharedRequests(caffe::ActionCallback poll) : poll_(poll) {}

  struct Requests {
    bool snapshot = false;
    bool stop = false;
  };

  // A collective: what any rank was asked for since the last time.
  Requests Take(Communicator* communicator);

 private:
  caffe::ActionCallback poll_;
  // Until then a request for a snapshot is one that other ranks have had: the
  // same signal may reach the ranks some steps apart.
  std::chrono::steady_clock::time_point known_until_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_SHARED_REQUESTS_HPP_
