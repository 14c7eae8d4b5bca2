// caffe train: trains or fine-tunes the net of a solver.
#include <glog/logging.h>

#include <boost/algorithm/string.hpp>
#include <string>
#include <vector>

#include "caffe/solver.hpp"
#include "caffe/solver_factory.hpp"
#include "caffe/util/signal_handler.h"
#include "caffe_ext/common/error.hpp"
#include "caffe_ext/common/prototxt.hpp"
#include "caffe_ext/memory/optimize_memory.hpp"
#include "tools/action.hpp"
#include "tools/nets.hpp"

DEFINE_string(sigint_effect, "stop",
              "train: what SIGINT does: snapshot, stop or none.");
DEFINE_string(sighup_effect, "snapshot",
              "train: what SIGHUP does: snapshot, stop or none.");

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

// -gpu, or else what the solver says; solvers that say nothing run on the CPU.
static string DeviceFlag(const SolverFile& solver) {
  if (!FLAGS_gpu.empty() || !solver.param.has_solver_mode() ||
      solver.param.solver_mode() != caffe::SolverParameter::GPU) {
    return FLAGS_gpu;
  }
  string flag;
  for (int id : solver.device_ids) {
    flag += (flag.empty() ? "" : ",") + std::to_string(id);
  }
  return flag.empty() ? "0" : flag;
}

static int Train() {
  Require(FLAGS_solver, "solver", "the solver's prototxt");
  if (!FLAGS_snapshot.empty() && !FLAGS_weights.empty()) {
    throw UserError(
        "-snapshot resumes and -weights fine-tunes: give one of them, not "
        "both");
  }
  SolverFile solver_file = ReadSolverFile(FLAGS_solver);
  caffe::SolverParameter& param = solver_file.param;
  for (const string& file : NetFiles(param)) ReadNetFile(file);  // throws

  param.mutable_train_state()->set_level(FLAGS_level);
  for (const string& stage : StagesFromFlag()) {
    param.mutable_train_state()->add_stage(stage);
  }
  const std::vector<int> devices = DevicesFromFlag(DeviceFlag(solver_file));
  UseDevice(devices);
  if (!devices.empty()) param.set_device_id(devices[0]);
  if (devices.size() > 1) {
    throw UserError("-gpu names several devices: this build trains on one");
  }

  caffe::SignalHandler signals(
      SignalEffect("sigint_effect", FLAGS_sigint_effect),
      SignalEffect("sighup_effect", FLAGS_sighup_effect));
  string weights = FLAGS_weights;
  if (weights.empty()) {
    weights = boost::algorithm::join(param.weights(), ",");
  }
  param.clear_weights();
  boost::shared_ptr<caffe::Solver<float>> solver(
      caffe::SolverRegistry<float>::CreateSolver(param));
  OptimizeMemory(solver.get());
  solver->SetActionFunction(signals.GetActionFunction());
  if (!FLAGS_snapshot.empty()) {
    ReadTextFile(FLAGS_snapshot, "snapshot to resume from");
    LOG(INFO) << "Resuming from " << FLAGS_snapshot;
    solver->Restore(FLAGS_snapshot.c_str());
  } else if (!weights.empty()) {
    LoadWeights(weights, solver->net().get());
    for (const auto& net : solver->test_nets()) LoadWeights(weights, net.get());
  }
  LOG(INFO) << "Starting Optimization";
  solver->Solve();
  LOG(INFO) << "Optimization Done.";
  return 0;
}
static RegisterAction g_train("train", Train);

}  // namespace two_stream
