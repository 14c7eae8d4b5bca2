// caffe train: trains or fine-tunes the net of a solver.
#include <glog/logging.h>

#include <boost/algorithm/string.hpp>
#include <string>
#include <vector>

#include "caffe/solver.hpp"
#include "caffe/util/signal_handler.h"
#include "caffe_ext/common/device.hpp"
#include "caffe_ext/common/error.hpp"
#include "caffe_ext/common/prototxt.hpp"
#include "caffe_ext/cudnn/settings.hpp"
#include "caffe_ext/memory/optimize_memory.hpp"
#include "caffe_ext/parallel/launch.hpp"
#include "caffe_ext/parallel/training_run.hpp"
#include "tools/action.hpp"
#include "tools/nets.hpp"

DEFINE_string(sigint_effect, "stop",
              "train: what SIGINT does: snapshot, stop or none.");
DEFINE_string(sighup_effect, "snapshot",
              "train: what SIGHUP does: snapshot, stop or none.");

DEFINE_int32(workers, 0,
             "train: ranks on the CPU in this process (-gpu 0,1 makes two on "
             "devices, mpirun one each process).");
DEFINE_int32(check_sync, 0,
             "train: compare the ranks' parameters bit for bit every so many "
             "iterations; 0: never.");
DEFINE_double(timeout, 300,
              "train: how long ranks wait for a late one, in seconds.");
DEFINE_string(transport, "auto",
              "train: between devices: nccl, mpi (one that knows CUDA), staged "
              "(through host memory) or "
              "auto.");

namespace two_stream {

using std::string;

static caffe::SolverAction::Enum SignalEffect(const char* flag,
                                              const string& value) {
  if (value == "stop") return caffe::SolverAction::STOP;
  if (value == "snapshot") return caffe::SolverAction::SNAPSHOT;
  if (value == "none") return caffe::SolverAction::NONE;
  throw UserError(string("-") + flag + " is snapshot, stop or none, not \"" +
                  value + "\"");
}

// The devices of -gpu; without it and without -workers, those of the solver.
// device_id alone means GPUs, as in the paper's fork, whose solvers say no
// more; but where there is none, such a solver trains on the CPU.
static std::vector<int> Devices(const SolverFile& solver) {
  if (!FLAGS_gpu.empty()) return DevicesFromFlag(FLAGS_gpu);
  const bool mode_given = solver.param.has_solver_mode();
  const bool on_cpu = solver.param.solver_mode() == caffe::SolverParameter::CPU;
  if (FLAGS_workers > 0 || on_cpu) return {};
  if (!mode_given && solver.device_ids.empty()) return {};
  string flag;
  for (int id : solver.device_ids) {
    flag += (flag.empty() ? "" : ",") + std::to_string(id);
  }
  if (!mode_given && !HasDevices()) {
    LOG(WARNING) << FLAGS_solver << " is for GPU " << flag
                 << ", and there is none here: training on the CPU; -workers "
                 << solver.device_ids.size() << " gives as many ranks";
    return {};
  }
  return DevicesFromFlag(flag.empty() ? "0" : flag);
}

// Rank 0 logs for all.
static void QuietenOtherRanks(const Launch& launch) {
  if (launch.ranks[0].rank > 0 && FLAGS_minloglevel == google::GLOG_INFO) {
    FLAGS_minloglevel = google::GLOG_WARNING;
  }
}

static int Train() {
  Require(FLAGS_solver, "solver", "the solver's prototxt");
  if (!FLAGS_snapshot.empty() && !FLAGS_weights.empty()) {
    throw UserError(
        "-snapshot resumes and -weights fine-tunes: give one of them, not "
        "both");
  }
  if (!(FLAGS_timeout > 0 && FLAGS_timeout <= 1e8)) {
    throw UserError("-timeout must be above 0 and at most 1e8 seconds");
  }
  SolverFile solver_file = ReadSolverFile(FLAGS_solver);
  caffe::SolverParameter& param = solver_file.param;
  CudnnSettings::Get() = CudnnSettings::From(param);
  for (const string& file : NetFiles(param)) ReadNetFile(file);  // throws

  param.mutable_train_state()->set_level(FLAGS_level);
  for (const string& stage : StagesFromFlag()) {
    param.mutable_train_state()->add_stage(stage);
  }
  const Launch launch = PlanLaunch({Devices(solver_file), FLAGS_workers},
                                   LauncherEnvironment::Read());
  if (launch.processes) CudnnSettings::Get().repeatable = true;
  QuietenOtherRanks(launch);
  SetBlasThreads(launch.cores);

  caffe::SignalHandler signals(
      SignalEffect("sigint_effect", FLAGS_sigint_effect),
      SignalEffect("sighup_effect", FLAGS_sighup_effect));
  if (launch.processes) AcceptForwardedSignals();
  string weights = FLAGS_weights;
  if (weights.empty()) {
    weights = boost::algorithm::join(param.weights(), ",");
  }
  param.clear_weights();
  if (!FLAGS_snapshot.empty()) LOG(INFO) << "Resuming from " << FLAGS_snapshot;

  RunOptions run;
  run.training.solver = param;
  run.training.resume = FLAGS_snapshot;
  run.training.poll_signals = signals.GetActionFunction();
  run.training.check_sync = FLAGS_check_sync;
  run.timeout = FLAGS_timeout;
  run.transport = FLAGS_transport;
  run.training.prepare = [&](caffe::Solver<float>* solver) {
    OptimizeMemory(solver);
    if (weights.empty() || !FLAGS_snapshot.empty()) return;
    LoadWeights(weights, solver->net().get());
    for (const auto& net : solver->test_nets()) LoadWeights(weights, net.get());
  };
  LOG(INFO) << "Starting Optimization";
  RunTraining(run, launch);
  LOG(INFO) << "Optimization Done.";
  return 0;
}
static RegisterAction g_train("train", Train);

}  // namespace two_stream
