#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <string>
#include <thread>

#include "caffe_ext/common/error.hpp"
#include "caffe_ext/parallel/communicator.hpp"
#include "caffe_ext/parallel/rank_threads.hpp"

namespace two_stream {
namespace {

RankThreads Ranks(decltype(RankThreads::run) run) {
  RankThreads ranks;
  ranks.count = 3;
  ranks.run = std::move(run);
  ranks.fail = [](int, const std::string&) {};
  ranks.name = [](int rank) { return "rank " + std::to_string(rank); };
  ranks.grace = 0.3;
  return ranks;
}

TEST(RankThreads, ReportTheCauseNotItsConsequences) {
  std::atomic<bool> failed{false};
  RankThreads ranks = Ranks([&](int rank, const RankThreads::Failed&) {
    while (rank != 1 && !failed) std::this_thread::yield();
    if (rank == 1) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      failed = true;
      throw UserError("no such clip");
    }
    throw CommunicatorError(1, "gone");
  });
  try {
    RunRanks(ranks);
    FAIL() << "nothing thrown";
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "rank 1: no such clip");
  }
}

// As a rank that must free a GPU's memory while a kernel there never ends.
TEST(RankThreads, EndARankThatHasFailedAndIsStuck) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const RankThreads ranks =
      Ranks([](int rank, const RankThreads::Failed& failed) {
        if (rank != 1) return;
        failed(std::make_exception_ptr(UserError("no such clip")));
        for (;;) std::this_thread::sleep_for(std::chrono::seconds(1));
      });
  EXPECT_EXIT(RunRanks(ranks), testing::ExitedWithCode(1),
              "^error: rank 1: no such clip\n$");
}

}  // namespace
}  // namespace two_stream
