#ifndef TWO_STREAM_PARALLEL_RANK_CONTEXT_HPP_
#define TWO_STREAM_PARALLEL_RANK_CONTEXT_HPP_

#include "caffe_ext/parallel/communicator.hpp"

namespace two_stream {

// The communicator of the rank that the calling thread is building nets for;
// null where there is but one rank. Gather layers keep it: it must outlive the
// nets.
inline Communicator*& CurrentCommunicator() {
  static thread_local Communicator* communicator = nullptr;
  return communicator;
}

class ScopedCommunicator {
 public:
  explicit ScopedCommunicator(Communicator* communicator)
      : previous_(CurrentCommunicator()) {
    CurrentCommunicator() = communicator;
  }
  ~ScopedCommunicator() { CurrentCommunicator() = previous_; }
  ScopedCommunicator(const ScopedCommunicator&) = delete;
  ScopedCommunicator& operator=(const ScopedCommunicator&) = delete;

 private:
  Communicator* const previous_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_RANK_CONTEXT_HPP_
