#include "caffe_ext/parallel/rank_failure.hpp"

#include <glog/logging.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <thread>

namespace two_stream {
namespace {

std::string& CurrentRankName() {
  static thread_local std::string name;
  return name;
}

std::string& FailedCheck() {
  static thread_local std::string text;
  return text;
}

// glog hands it every message, on the thread that logs it.
class CheckSink : public google::LogSink {
 public:
  CheckSink() { google::AddLogSink(this); }
  void send(google::LogSeverity severity, const char*, const char* file,
            int line, const google::LogMessageTime&, const char* message,
            size_t length) override {
    if (severity != google::GLOG_FATAL) return;
    std::string text(message, length);
    std::replace(text.begin(), text.end(), '\n', ' ');
    FailedCheck() = file + (":" + std::to_string(line)) + ": " + text;
  }
};

// glog calls it after that.
[[noreturn]] void AbortNamingRank() {
  const std::string& name = CurrentRankName();
  static std::mutex first;  // of several failing ranks; kept to the end
  first.lock();
  if (!name.empty()) {
    std::cerr << "error: " + name + ": " + FailedCheck() + "\n" << std::flush;
  }
  std::abort();
}

// How long this rank leaves it to others to print their line and end it, in
// seconds. Who waits for one rank knows more than who waits for several: some
// of those may only be waiting, too.
double Delay(const ProcessWorld& world, int blame) {
  const int rank = world.rank();
  const double turn = 0.1 * (rank % 50);
  if (blame < 0) return rank == 0 ? 8 : 12 + turn;
  if (rank == blame) return 18;
  const int first = blame == 0 ? 1 : 0;
  return rank == first ? 0 : 4 + turn;
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
  static const CheckSink* const sink = [] {
    google::InstallFailureFunction(&AbortNamingRank);
    return new CheckSink;  // for as long as the process lives
  }();
  (void)sink;
  CurrentRankName() = name;
}

ScopedRankName::~ScopedRankName() { CurrentRankName().clear(); }

const std::string& RankName() { return CurrentRankName(); }

void EndWorld(ProcessWorld* world, const std::exception_ptr& cause) {
  try {
    std::rethrow_exception(cause);
  } catch (const CommunicatorError& error) {
    End(world, Delay(*world, error.blame()), error.what());
  } catch (const std::exception& error) {
    // What all ranks find wrong at once, rank 0 says.
    End(world, 0.05 * (world->rank() % 50), error.what());
  } catch (...) {
    End(world, 0.05 * (world->rank() % 50), "unknown exception");
  }
}

void EndWorldOnFailure(ProcessWorld* world, const std::function<void()>& run) {
  try {
    run();
  } catch (...) {
    EndWorld(world, std::current_exception());
  }
}

}  // namespace two_stream
