#include "caffe_ext/parallel/shared_requests.hpp"

namespace two_stream {

SharedRequests::Requests SharedRequests::Take(Communicator* communicator) {
  using Clock = std::chrono::steady_clock;
  constexpr int kSnapshot = 1, kStop = 2;
  constexpr std::chrono::seconds kSkew(1);
  int mine = 0;
  while (poll_) {
    const caffe::SolverAction::Enum action = poll_();
    if (action == caffe::SolverAction::NONE) break;
    mine |= action == caffe::SolverAction::STOP ? kStop : kSnapshot;
  }
  if ((mine & kSnapshot) && Clock::now() < known_until_) {
    mine &= ~kSnapshot;
    known_until_ = {};
  }
  int all = 0;
  for (double rank : communicator->AllGatherValue(mine)) {
    all |= static_cast<int>(rank);
  }
  if ((all & kSnapshot) && !(mine & kSnapshot)) {
    known_until_ = Clock::now() + kSkew;
  }
  return {(all & kSnapshot) != 0, (all & kStop) != 0};
}

}  // namespace two_stream
