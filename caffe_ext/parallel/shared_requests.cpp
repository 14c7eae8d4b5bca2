#include "caffe_ext/parallel/shared_requests.hpp"

namespace two_stream {

SharedRequests::Requests SharedRequests::Take(Communicator* communicator) {
  constexpr int kSnapshot = 1, kStop = 2;
  int mine = 0;
  while (poll_) {
    const caffe::SolverAction::Enum action = poll_();
    if (action == caffe::SolverAction::NONE) break;
    mine |= action == caffe::SolverAction::STOP ? kStop : kSnapshot;
  }
  if (late_snapshot_) mine &= ~kSnapshot;
  int all = 0;
  for (double rank : communicator->AllGatherValue(mine)) {
    all |= static_cast<int>(rank);
  }
  late_snapshot_ = (all & kSnapshot) && !(mine & kSnapshot);
  return {(all & kSnapshot) != 0, (all & kStop) != 0};
}

}  // namespace two_stream
