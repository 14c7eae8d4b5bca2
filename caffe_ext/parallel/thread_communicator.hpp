#ifndef TWO_STREAM_PARALLEL_THREAD_COMMUNICATOR_HPP_
#define TWO_STREAM_PARALLEL_THREAD_COMMUNICATOR_HPP_

#include <memory>
#include <vector>

#include "caffe_ext/parallel/communicator.hpp"

namespace two_stream {

// The ranks of one process, each driven by a thread of its own, over their host
// buffers: every rank sums its block of all ranks' buffers and writes the
// result into all of them. Element r is for rank r; they may outlive each
// other.
std::vector<std::unique_ptr<Communicator>> MakeThreadCommunicators(int size);

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_THREAD_COMMUNICATOR_HPP_
