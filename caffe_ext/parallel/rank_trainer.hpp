#ifndef TWO_STREAM_PARALLEL_RANK_TRAINER_HPP_
#define TWO_STREAM_PARALLEL_RANK_TRAINER_HPP_

#include <functional>
#include <memory>
#include <string>

#include "caffe/solver.hpp"
#include "caffe_ext/parallel/communicator.hpp"
#include "caffe_ext/parallel/loss_display.hpp"
#include "caffe_ext/parallel/resumable_solver.hpp"
#include "caffe_ext/parallel/shared_requests.hpp"
#include "caffe_ext/parallel/sync_sgd.hpp"

namespace two_stream {

struct TrainingOptions {
  caffe::SolverParameter solver;
  std::string resume;  // a solver state, or empty
  // What is to be done with a new solver, on every rank, before it resumes:
  // trained weights, shared memory buffers.
  std::function<void(caffe::Solver<float>*)> prepare;
  caffe::ActionCallback poll_signals;
  int check_sync = 0;             // compare parameters every so many steps
  size_t bucket_bytes = 4 << 20;  // of an all-reduce
};

// One rank's training from the first step to the last: Caffe's Solver::Solve()
// for any number of ranks. Tests are shared, rank 0 writes the snapshots, a
// signal that any rank gets acts on all of them after the same step.
//
// The calling thread has the rank's Caffe mode, device, RunContext and current
// communicator. Throws UserError and CommunicatorError.
class RankTrainer : public caffe::Solver<float>::Callback {
 public:
  RankTrainer(const TrainingOptions& options, Communicator* communicator);

  void Run();

 protected:
  void on_start() override;  // of a step: tests that are due
  void on_gradients_ready() override {}

 private:
  // Caffe asks after every update what to do.
  caffe::SolverAction::Enum AfterUpdate();
  bool IsRoot() const { return communicator_->rank() == 0; }
  void Test();
  void Snapshot();
  void Finish();

  const TrainingOptions options_;
  const caffe::SolverParameter schedule_;  // the solver's own is taken over
  Communicator* const communicator_;
  SharedRequests requests_;
  int last_snapshot_ = -1;        // iteration
  bool snapshot_wanted_ = false;  // by a signal during a test
  bool stopped_ = false;
  // In this order: the solver's net points into sync_'s buffers.
  std::unique_ptr<SyncSgd<float>> sync_;
  std::unique_ptr<LossDisplay<float>> display_;
  std::unique_ptr<caffe::Solver<float>> solver_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_RANK_TRAINER_HPP_
