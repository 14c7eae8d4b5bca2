#include "caffe_ext/parallel/rank_trainer.hpp"

#include "caffe/solver_factory.hpp"
#include "caffe_ext/common/run_context.hpp"
#include "caffe_ext/parallel/run_state.hpp"
#include "caffe_ext/parallel/shared_testing.hpp"

namespace two_stream {

RankTrainer::RankTrainer(const TrainingOptions& options,
                         Communicator* communicator)
    : options_(options),
      schedule_(options.solver),
      communicator_(communicator),
      requests_(options.poll_signals) {
  solver_.reset(caffe::SolverRegistry<float>::CreateSolver(options_.solver));
  auto* resumable = ResumableSolver<float>::Of(solver_.get());
  CHECK(resumable) << "solver type " << solver_->type() << " cannot resume";
  if (options_.prepare) options_.prepare(solver_.get());
  if (!options_.resume.empty()) solver_->Restore(options_.resume.c_str());
  resumable->TakeOverSchedule();
  solver_->add_callback(this);
  if (communicator_->size() > 1) {
    sync_ = std::make_unique<SyncSgd<float>>(
        communicator_, options_.bucket_bytes, solver_.get());
  }
  display_ = std::make_unique<LossDisplay<float>>(schedule_, communicator_,
                                                  solver_.get());
  solver_->SetActionFunction([this] { return AfterUpdate(); });
}

void RankTrainer::Run() {
  if (IsRoot()) {
    LOG(INFO) << "Solving " << solver_->net()->name();
    LOG(INFO) << "Learning Rate Policy: " << schedule_.lr_policy();
  }
  if (sync_) sync_->BroadcastParams();
  // What it resumes from is a snapshot already.
  if (!options_.resume.empty()) last_snapshot_ = solver_->iter();
  solver_->Step(schedule_.max_iter() - solver_->iter());
  Finish();
}

void RankTrainer::on_start() {
  const int iter = solver_->iter();
  if (schedule_.test_interval() && iter % schedule_.test_interval() == 0 &&
      (iter > 0 || schedule_.test_initialization())) {
    Test();
  }
}

caffe::SolverAction::Enum RankTrainer::AfterUpdate() {
  const int iter = solver_->iter();
  if (sync_ && options_.check_sync && iter % options_.check_sync == 0) {
    sync_->CheckParams();
  }
  const SharedRequests::Requests requests = requests_.Take(communicator_);
  stopped_ |= requests.stop;
  const bool due = schedule_.snapshot() && iter % schedule_.snapshot() == 0;
  if (due || requests.snapshot || snapshot_wanted_) Snapshot();
  return stopped_ ? caffe::SolverAction::STOP : caffe::SolverAction::NONE;
}

void RankTrainer::Test() {
  for (int i = 0; i < solver_->test_nets().size() && !stopped_; ++i) {
    caffe::Net<float>* net = solver_->test_nets()[i].get();
    if (IsRoot()) {
      LOG(INFO) << "Iteration " << solver_->iter() << ", Testing net (#" << i
                << ")";
    }
    net->ShareTrainedLayersWith(solver_->net().get());
    const auto interrupted = [this] {
      const SharedRequests::Requests requests = requests_.Take(communicator_);
      snapshot_wanted_ |= requests.snapshot;  // between two steps
      stopped_ |= requests.stop;
      return stopped_;
    };
    const std::vector<double> result =
        TestShared(schedule_.test_iter(i), net, communicator_, interrupted);
    if (!IsRoot()) continue;
    if (result.empty()) {
      LOG(INFO) << "Test interrupted.";
    } else {
      LogTestResult(result, schedule_.test_compute_loss(), *net);
    }
  }
}

void RankTrainer::Snapshot() {
  caffe::RunState state;
  state.set_seed(RunContext::Current()->seed);
  *state.mutable_train_cursor() = SaveCursors(*solver_->net());
  for (const auto& net : solver_->test_nets()) {
    *state.add_test()->mutable_cursor() = SaveCursors(*net);
  }
  for (const std::string& generator :
       communicator_->AllGatherString(SaveGenerator())) {
    state.add_generator(generator);
  }
  if (IsRoot()) {
    ResumableSolver<float>::Of(solver_.get())->WriteSnapshot(state);
  }
  last_snapshot_ = solver_->iter();
  snapshot_wanted_ = false;
}

void RankTrainer::Finish() {
  const int iter = solver_->iter();
  if (sync_ && IsRoot()) {
    LOG(INFO) << "Communication, " << communicator_->transport() << ", "
              << sync_->report().ToString();
  }
  if (schedule_.snapshot_after_train() && last_snapshot_ != iter) Snapshot();
  if (stopped_) {
    if (IsRoot()) LOG(INFO) << "Optimization stopped early.";
    return;
  }
  // The loss and the scores of the parameters as they are now.
  if (schedule_.display() && iter % schedule_.display() == 0) {
    solver_->net()->Forward();
    const double loss = display_->LastLoss();
    if (IsRoot()) LOG(INFO) << "Iteration " << iter << ", loss = " << loss;
  }
  if (schedule_.test_interval() && iter % schedule_.test_interval() == 0) {
    Test();
  }
}

}  // namespace two_stream
