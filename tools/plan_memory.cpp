// Replays memory problem files (caffe_ext/memory/problem_file.hpp): what each
// heuristic finds, beside the lower bound.
//   plan_memory FILE...
// Writes the problem of a net, its VideoData replaced by synthetic data, to
// standard output:
//   plan_memory -net NET.prototxt TRAIN|TEST BATCH
// Exit status 1 if a file is faulty or a plan is not valid.
#include <glog/logging.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "caffe/net.hpp"
#include "caffe_ext/common/error.hpp"
#include "caffe_ext/common/prototxt.hpp"
#include "caffe_ext/memory/net_binding.hpp"
#include "caffe_ext/memory/planner.hpp"
#include "caffe_ext/memory/problem_file.hpp"
#include "caffe_ext/memory/schedule.hpp"
#include "tools/synthetic_data.hpp"

namespace {

using two_stream::MemoryPlan;
using two_stream::MemoryProblem;

bool Report(const MemoryProblem& problem, const MemoryPlan& plan,
            double seconds) {
  const double bound = static_cast<double>(two_stream::LowerBound(problem));
  const double bytes = static_cast<double>(plan.arena_bytes);
  std::printf("  %-28s %9.2f MB  %6.2f %% above the bound  %8.2f ms\n",
              plan.heuristic.c_str(), bytes / 1e6,
              bound > 0 ? 100 * (bytes / bound - 1) : 0.0, seconds * 1e3);
  const std::string fault = CheckPlan(problem, plan);
  if (!fault.empty()) std::printf("  INVALID: %s\n", fault.c_str());
  return fault.empty();
}

template <typename Planner>
bool Time(const MemoryProblem& problem, Planner planner) {
  const auto start = std::chrono::steady_clock::now();
  const MemoryPlan plan = planner();
  const std::chrono::duration<double> spent =
      std::chrono::steady_clock::now() - start;
  return Report(problem, plan, spent.count());
}

bool Replay(const std::string& path) {
  const MemoryProblem problem = two_stream::ReadProblemFile(path);
  std::printf("%s: %zu buffers, %zu overlays\n", path.c_str(),
              problem.buffers.size(), problem.overlays.size());
  std::printf("  %-28s %9.2f MB\n", "unshared",
              static_cast<double>(RawBytes(problem)) / 1e6);
  std::printf("  %-28s %9.2f MB\n", "lower bound",
              static_cast<double>(LowerBound(problem)) / 1e6);
  bool valid = true;
  for (const two_stream::Heuristic& heuristic : two_stream::AllHeuristics()) {
    valid &= Time(problem, [&] { return PlanWith(problem, heuristic); });
  }
  std::printf("best:\n");
  return Time(problem, [&] { return two_stream::PlanMemory(problem); }) &&
         valid;
}

void WriteNet(const std::string& file, const std::string& phase, int batch) {
  caffe::NetParameter param = two_stream::ReadNetFile(file);
  two_stream::UseSyntheticData(batch, &param);
  const bool train = phase == "TRAIN";
  param.mutable_state()->set_phase(train ? caffe::TRAIN : caffe::TEST);
  const caffe::Net<float> net(param);
  two_stream::BindingOptions options;
  options.training = train;
  const two_stream::NetBinding binding = two_stream::BindNet(net, options);
  std::cout << "# " << net.name() << ", " << phase << ", batch " << batch
            << ": plan_memory -net writes it\n";
  WriteProblem(two_stream::MakeSchedule(binding.graph).problem, std::cout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr,
                 "usage: plan_memory FILE...\n"
                 "       plan_memory -net NET.prototxt TRAIN|TEST BATCH\n");
    return 1;
  }
  google::InitGoogleLogging(argv[0]);
  if (argc == 5 && std::string(argv[1]) == "-net") {
    try {
      WriteNet(argv[2], argv[3], std::atoi(argv[4]));
    } catch (const two_stream::UserError& error) {
      std::fprintf(stderr, "%s\n", error.what());
      return 1;
    }
    return 0;
  }
  bool valid = true;
  for (int i = 1; i < argc; ++i) {
    try {
      valid &= Replay(argv[i]);
    } catch (const two_stream::UserError& error) {
      std::fprintf(stderr, "%s\n", error.what());
      valid = false;
    }
  }
  return valid ? 0 : 1;
}
