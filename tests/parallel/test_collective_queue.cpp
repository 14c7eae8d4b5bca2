#include <glog/logging.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "caffe_ext/parallel/collective_queue.hpp"
#include "caffe_ext/parallel/rank_failure.hpp"
#include "tests/parallel/rank_runs.hpp"

namespace two_stream {
namespace {

TEST(CollectiveQueue, RunsJobsInOrderBesideTheCaller) {
  RunRanks(3, [](Communicator* communicator) {
    CollectiveQueue queue(communicator);
    for (int round = 0; round < 20; ++round) {
      std::vector<double> data(400, communicator->rank() + round);
      for (int part = 0; part < 4; ++part) {
        queue.Submit([&data, part](Communicator* c) {
          c->AllReduce(&data[100 * part], 100, Reduction::kMean);
        });
      }
      // The second sum needs the first one's result.
      queue.Submit([&data](Communicator* c) { c->AllReduce(&data[0], 1); });
      queue.Wait();
      EXPECT_NEAR(3 * (1 + round), data[0], 1e-12);
      for (int i = 1; i < 400; ++i) EXPECT_NEAR(1 + round, data[i], 1e-12);
    }
    EXPECT_GT(queue.busy_seconds(), 0);
  });
}

TEST(CollectiveQueueDeathTest, NamesTheRankOfAFailedCheck) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(RunRanks(1,
                        [](Communicator* communicator) {
                          const ScopedRankName name("rank 5 of 8 (host)");
                          CollectiveQueue queue(communicator);
                          queue.Submit([](Communicator*) {
                            LOG(FATAL) << "no\nmemory";
                          });
                          queue.Wait();
                        }),
               "error: rank 5 of 8 \\(host\\): "
               "test_collective_queue.cpp:[0-9]+: no memory");
}

TEST(CollectiveQueue, ThrowsWhatAJobThrewAndDropsTheRest) {
  RunRanks(1, [](Communicator* communicator) {
    CollectiveQueue queue(communicator);
    std::atomic<int> later{0};
    queue.Submit([&](Communicator*) {
      queue.Submit([&](Communicator*) { ++later; });
      throw std::runtime_error("no disk");
    });
    try {
      queue.Wait();
      ADD_FAILURE() << "nothing thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_EQ("no disk", std::string(error.what()));
    }
    queue.Submit([&](Communicator*) {
      ++later;
      throw std::runtime_error("no network either");
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    try {
      queue.Wait();
      ADD_FAILURE() << "nothing thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_EQ("no disk", std::string(error.what()));
    }
    EXPECT_EQ(0, later);
  });
}

}  // namespace
}  // namespace two_stream
