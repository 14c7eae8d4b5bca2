#ifndef TWO_STREAM_CUDNN_CHOOSE_ALGORITHM_HPP_
#define TWO_STREAM_CUDNN_CHOOSE_ALGORITHM_HPP_

#include <cudnn.h>

#include <cstddef>
#include <vector>

namespace two_stream {

// The best of cuDNN's proposals, which come in the order of their (measured or
// guessed) time: the first that works, needs at most `limit` bytes of
// workspace, computes without tensor cores' short mantissas, and gives the same
// bits each time; else the first that lacks only the last. Null if none will
// do.
template <typename Perf>
const Perf* ChooseAlgorithm(const std::vector<Perf>& proposals, size_t limit) {
  const Perf* fallback = nullptr;
  for (const Perf& proposal : proposals) {
    const bool usable =
        proposal.status == CUDNN_STATUS_SUCCESS && proposal.memory <= limit &&
        proposal.mathType != CUDNN_TENSOR_OP_MATH &&
        proposal.mathType != CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION;
    if (!usable) continue;
    if (proposal.determinism == CUDNN_DETERMINISTIC) return &proposal;
    if (!fallback) fallback = &proposal;
  }
  return fallback;
}

}  // namespace two_stream

#endif  // TWO_STREAM_CUDNN_CHOOSE_ALGORITHM_HPP_
