#include "caffe_ext/parallel/rank_threads.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <thread>
#include <vector>

#include "caffe_ext/common/error.hpp"
#include "caffe_ext/parallel/communicator.hpp"

namespace two_stream {
namespace {

struct Cause {
  std::string text;
  bool is_consequence;  // of another rank's failure, it may be
};

Cause CauseOf(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const CommunicatorError& communicator) {
    return {communicator.what(), true};
  } catch (const std::exception& other) {
    return {other.what(), false};
  } catch (...) {
    return {"unknown exception", false};
  }
}

// What went wrong first. Collectives that end because another rank is gone say
// less than what made it go.
class FirstFailure {
 public:
  void Set(const std::string& text, bool is_consequence) {
    if (text_.empty() || (was_consequence_ && !is_consequence)) {
      text_ = text;
      was_consequence_ = is_consequence;
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  bool was_consequence_ = false;
};

}  // namespace

void RunRanks(const RankThreads& ranks) {
  std::mutex mutex;
  std::condition_variable changed;
  FirstFailure failure;
  int ended = 0;

  const auto report = [&](int rank, const std::exception_ptr& error) {
    const Cause cause = CauseOf(error);
    ranks.fail(rank, cause.text);
    std::lock_guard<std::mutex> lock(mutex);
    failure.Set(ranks.name(rank) + ": " + cause.text, cause.is_consequence);
    changed.notify_all();
  };
  const auto run = [&](int rank) {
    try {
      ranks.run(rank,
                [&](const std::exception_ptr& error) { report(rank, error); });
    } catch (...) {
      report(rank, std::current_exception());
    }
    std::lock_guard<std::mutex> lock(mutex);
    ++ended;
    changed.notify_all();
  };

  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks.count; ++rank) {
    threads.emplace_back(run, rank);
  }
  std::unique_lock<std::mutex> lock(mutex);
  const auto all_ended = [&] { return ended == ranks.count; };
  changed.wait(lock, [&] { return all_ended() || !failure.text().empty(); });
  const bool whole = changed.wait_for(
      lock, std::chrono::duration<double>(ranks.grace), all_ended);
  if (!whole) {
    std::cerr << "error: " << failure.text() << std::endl;
    std::_Exit(1);
  }
  lock.unlock();
  for (std::thread& thread : threads) thread.join();
  if (!failure.text().empty()) throw UserError(failure.text());
}

}  // namespace two_stream
