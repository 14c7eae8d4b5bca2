#include "caffe_ext/parallel/rank_failure.hpp"

#include <glog/logging.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>

namespace two_stream {
namespace {

std::string& CurrentRankName() {
  static thread_local std::string name;
  return name;
}

// glog calls it after the message of a failed check.
[[noreturn]] void AbortNamingRank() {
  const std::string& name = CurrentRankName();
  if (!name.empty()) {
    std::cerr << "error: " << name << ": the check above failed" << std::endl;
  }
  std::abort();
}

// How long this rank leaves it to others to print their line and end it.
double Delay(const ProcessWorld& world, int blame) {
  const int first = blame == 0 ? 1 : 0;
  if (world.rank() == blame) return 5;
  return world.rank() == first ? 0 : 2 + 0.1 * (world.rank() % 50);
}

[[noreturn]] void End(ProcessWorld* world, double delay,
                      const std::string& cause) {
  std::this_thread::sleep_for(std::chrono::duration<double>(delay));
  const int rank = world->rank();
  // One write: the ranks share standard error.
  std::cerr << "error: rank " + std::to_string(rank) + " of " +
                   std::to_string(world->size()) + " (" + world->hosts()[rank] +
                   "): " + cause + "\n"
            << std::flush;
  world->Abort(1);
  std::_Exit(1);  // not reached
}

}  // namespace

ScopedRankName::ScopedRankName(const std::string& name) {
  google::InstallFailureFunction(&AbortNamingRank);
  CurrentRankName() = name;
}

ScopedRankName::~ScopedRankName() { CurrentRankName().clear(); }

void EndWorldOnFailure(ProcessWorld* world, const std::function<void()>& run) {
  try {
    run();
  } catch (const CommunicatorError& error) {
    End(world, Delay(*world, error.blame()), error.what());
  } catch (const std::exception& error) {
    // What all ranks find wrong at once, rank 0 says.
    End(world, 0.05 * (world->rank() % 50), error.what());
  }
}

}  // namespace two_stream
