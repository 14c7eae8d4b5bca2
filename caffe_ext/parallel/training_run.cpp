#include "caffe_ext/parallel/training_run.hpp"

#include <algorithm>
#include <iomanip>
#include <memory>
#include <random>
#include <sstream>
#include <vector>

#include "caffe_ext/common/device.hpp"
#include "caffe_ext/common/error.hpp"
#include "caffe_ext/common/run_context.hpp"
#include "caffe_ext/parallel/device_transport.hpp"
#include "caffe_ext/parallel/global_batch.hpp"
#include "caffe_ext/parallel/rank_context.hpp"
#include "caffe_ext/parallel/rank_failure.hpp"
#include "caffe_ext/parallel/rank_threads.hpp"
#include "caffe_ext/parallel/thread_communicator.hpp"

namespace two_stream {
namespace {

// One per rank of this process, over host memory.
std::vector<std::unique_ptr<Communicator>> HostCommunicators(
    const Launch& launch, double timeout) {
  std::vector<std::unique_ptr<Communicator>> communicators;
  if (launch.processes) {
    communicators.push_back(launch.processes->MakeCommunicator());
  } else {
    communicators = MakeThreadCommunicators(launch.world);
  }
  for (auto& communicator : communicators) communicator->set_timeout(timeout);
  return communicators;
}

// The same on every process: a run resumed goes on with the seed it had.
uint64_t ChooseSeed(const TrainingOptions& options, const Launch& launch,
                    Communicator* first) {
  if (!options.resume.empty()) {
    const caffe::RunState state = ReadRunState(options.resume);
    if (state.has_seed()) return state.seed();
  }
  if (options.solver.random_seed() >= 0) return options.solver.random_seed();
  const uint64_t drawn = std::random_device()() >> 1;
  return launch.processes
             ? std::stoull(first->BroadcastString(std::to_string(drawn), 0))
             : drawn;
}

std::string DescribeDevice(int device) {
  return device < 0
             ? "CPU"
             : "GPU " + std::to_string(device) + ": " + DeviceName(device);
}

// Rank, host, device, batch and which samples of each pass; `devices` by rank.
std::string Table(const Launch& launch, const BatchPlan& plan,
                  const std::vector<std::string>& devices) {
  std::ostringstream text;
  text << "  rank  host              device                    batch  samples";
  for (int rank = 0; rank < launch.world; ++rank) {
    text << "\n  " << std::left << std::setw(6) << rank << std::setw(18)
         << launch.hosts[rank] << std::setw(26) << devices[rank]
         << std::setw(7);
    if (plan.batch < 1) {
      text << "?"
           << "?";
      continue;
    }
    text << plan.batch << rank * plan.batch << "-"
         << (rank + 1) * plan.batch - 1 << " of " << plan.batch * plan.ranks;
  }
  return text.str();
}

class TrainingRun {
 public:
  TrainingRun(RunOptions options, const Launch& launch)
      : options_(std::move(options)),
        launch_(launch),
        hosts_(HostCommunicators(launch, options_.timeout)) {
    caffe::SolverParameter& solver = options_.training.solver;
    plan_ = PlanBatch(solver, BatchSize(TrainNet(solver)), launch.world);
    solver.set_iter_size(plan_.iter_size);
    seed_ = ChooseSeed(options_.training, launch, hosts_[0].get());
    if (solver.random_seed() < 0) {
      LOG(INFO) << "random_seed: " << seed_
                << " (drawn; put it into the solver to repeat this run)";
      solver.set_random_seed(seed_);
    }
  }

  int count() const { return hosts_.size(); }
  std::string NameOf(int index) const {
    const int rank = launch_.ranks[index].rank;
    return "rank " + std::to_string(rank) + " of " +
           std::to_string(launch_.world) + " (" + launch_.hosts[rank] + ")";
  }
  void Fail(int index, const std::string& cause) {
    if (Communicator* communicator = hosts_[index].get()) {
      communicator->Fail(cause);
    }
  }

  // `failed` gets what is thrown while training.
  void Run(int index, const RankThreads::Failed& failed) {
    const LocalRank& self = launch_.ranks[index];
    SetUpCaffe(self);
    Communicator* communicator = hosts_[index].get();
    std::unique_ptr<Communicator> on_device;
    LogTable(self, communicator);
    if (self.device >= 0 && launch_.world > 1) {
      on_device =
          ToDevice(hosts_[index].get(), self.device,
                   launch_.hosts[self.rank] + " " + DeviceIdentity(self.device),
                   options_.transport);
      on_device->set_timeout(options_.timeout);
      communicator = on_device.get();
    }
    ScopedRunContext context(
        RunContext{seed_, self.rank, launch_.world, true, launch_.cores});
    ScopedCommunicator current(communicator);
    ScopedRankName name(NameOf(index));
    TrainingOptions training = options_.training;
    if (self.device >= 0) training.solver.set_device_id(self.device);
    RankTrainer trainer(training, communicator);
    try {
      trainer.Run();
      communicator->Barrier();  // before any closes its end
    } catch (...) {
      // Before the trainer goes: threads that it waits for may hang as well,
      // and so may freeing a GPU's memory, while a kernel there waits for
      // ranks.
      failed(std::current_exception());
      throw;
    }
  }

 private:
  void SetUpCaffe(const LocalRank& self) const {
    if (self.device >= 0) caffe::Caffe::SetDevice(self.device);
    caffe::Caffe::set_mode(self.device >= 0 ? caffe::Caffe::GPU
                                            : caffe::Caffe::CPU);
    caffe::Caffe::set_solver_count(launch_.world);
    caffe::Caffe::set_solver_rank(self.rank);
    caffe::Caffe::set_multiprocess(launch_.processes != nullptr);
  }

  void LogTable(const LocalRank& self, Communicator* communicator) const {
    const std::vector<std::string> devices =
        communicator->AllGatherString(DescribeDevice(self.device));
    if (self.rank != 0) return;
    LOG(INFO) << "Training on " << launch_.world
              << (launch_.world == 1 ? " rank" : " ranks")
              << ", cores for each: " << launch_.cores << "\n"
              << Table(launch_, plan_, devices);
    LOG(INFO) << plan_.ToString();
  }

  RunOptions options_;
  const Launch& launch_;
  std::vector<std::unique_ptr<Communicator>> hosts_;
  BatchPlan plan_;
  uint64_t seed_ = 0;
};

}  // namespace

void RunTraining(RunOptions options, const Launch& launch) {
  if (launch.processes) {
    EndWorldOnFailure(launch.processes.get(), [&] {
      TrainingRun run(std::move(options), launch);
      run.Run(0, [&](const std::exception_ptr& error) {
        EndWorld(launch.processes.get(), error);
      });
    });
    return;
  }
  TrainingRun run(std::move(options), launch);
  if (launch.world == 1) {
    run.Run(0, [](const std::exception_ptr&) {});
    return;
  }
  RankThreads ranks;
  ranks.count = run.count();
  ranks.run = [&](int rank, const RankThreads::Failed& failed) {
    run.Run(rank, failed);
  };
  ranks.fail = [&](int rank, const std::string& cause) {
    run.Fail(rank, cause);
  };
  ranks.name = [&](int rank) { return run.NameOf(rank); };
  RunRanks(ranks);
}

}  // namespace two_stream
