#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "caffe_ext/parallel/thread_communicator.hpp"
#include "tests/parallel/conformance.hpp"

namespace two_stream {
namespace {

void OnRanks(int size, const std::function<void(Communicator*)>& body) {
  auto communicators = MakeThreadCommunicators(size);
  std::vector<std::thread> threads;
  for (auto& communicator : communicators) {
    threads.emplace_back([&body, c = communicator.get()] { body(c); });
  }
  for (std::thread& thread : threads) thread.join();
}

class ThreadRanks : public testing::TestWithParam<int> {};

TEST_P(ThreadRanks, Conform) {
  OnRanks(GetParam(), [](Communicator* c) { CheckConformance(c, 1); });
}

TEST_P(ThreadRanks, SurviveManyShortCollectives) {
  OnRanks(GetParam(), [](Communicator* c) {
    for (int i = 0; i < 2000; ++i) {
      double value = c->rank() + i;
      c->AllReduce(&value, 1);
      ASSERT_EQ(c->size() * (c->size() - 1) / 2. + c->size() * i, value);
    }
  });
}

TEST_P(ThreadRanks, CountTraffic) {
  const int size = GetParam();
  OnRanks(size, [size](Communicator* c) {
    const uint64_t count = 840 * size;
    std::vector<float> data(count);
    c->AllReduce(data.data(), count);
    EXPECT_EQ(1u, c->traffic().calls);
    EXPECT_EQ(size > 1 ? 4 * count : 0, c->traffic().payload_bytes);
    EXPECT_EQ(2 * 4 * count * (size - 1) / size, c->traffic().moved_bytes);
  });
}

INSTANTIATE_TEST_SUITE_P(Sizes, ThreadRanks, testing::Values(1, 2, 3, 4, 8));

TEST(ThreadGroup, NameALateRankWithinTheTimeout) {
  std::atomic<int> errors{0};
  OnRanks(3, [&](Communicator* c) {
    c->set_timeout(0.2);
    c->Barrier();
    if (c->rank() == 1) {
      std::this_thread::sleep_for(std::chrono::milliseconds(600));
    }
    std::vector<float> data(10);
    const auto start = std::chrono::steady_clock::now();
    try {
      c->AllReduce(data.data(), data.size());
      ADD_FAILURE() << "rank " << c->rank() << " got a result";
    } catch (const CommunicatorError& error) {
      ++errors;
      EXPECT_EQ(1, error.blame());
      EXPECT_EQ(
          "all-reduce of 10 float timed out after 0.2 s: no word from rank 1",
          std::string(error.what()));
    }
    const std::chrono::duration<double> taken =
        std::chrono::steady_clock::now() - start;
    EXPECT_LT(taken.count(), 0.55);
  });
  EXPECT_EQ(3, errors);
}

TEST(ThreadGroup, NameALateRankInEveryCollective) {
  std::vector<std::thread> groups;
  for (int size : {2, 3, 4, 8}) {
    groups.emplace_back([size] {
      std::vector<std::vector<std::unique_ptr<Communicator>>> by_call;
      for (int call = 0; call < 5; ++call) {
        by_call.push_back(MakeThreadCommunicators(size));
      }
      std::vector<std::thread> ranks;
      for (int rank = 0; rank < size; ++rank) {
        ranks.emplace_back([&by_call, rank, size] {
          int next = 0;
          CheckTimeouts(rank, size,
                        [&] { return std::move(by_call[next++][rank]); });
        });
      }
      for (std::thread& thread : ranks) thread.join();
    });
  }
  for (std::thread& thread : groups) thread.join();
}

TEST(ThreadGroup, HearOfAFailureAtOnce) {
  std::atomic<int> errors{0};
  OnRanks(4, [&](Communicator* c) {
    c->set_timeout(60);
    if (c->rank() == 2) {
      c->Fail("disk full");
      return;
    }
    try {
      c->Barrier();
    } catch (const CommunicatorError& error) {
      ++errors;
      EXPECT_EQ(2, error.blame());
      EXPECT_EQ("rank 2 failed: disk full", std::string(error.what()));
    }
  });
  EXPECT_EQ(3, errors);
}

// A rank that hears of a failure frees its memory: not while others copy it.
TEST(ThreadGroup, LetACollectiveEndThatAllHaveBegun) {
  constexpr size_t kCount = 32 << 20;
  auto communicators = MakeThreadCommunicators(2);
  std::vector<float> sent(kCount, 1);
  // Pages that were never touched: copying there takes long.
  const std::unique_ptr<float, void (*)(void*)> received(
      static_cast<float*>(std::calloc(kCount, sizeof(float))), &std::free);
  std::atomic<int> ready{0};
  std::thread root([&] {
    ++ready;
    try {
      communicators[0]->Broadcast(sent.data(), kCount, 0);
    } catch (const CommunicatorError&) {
    }
    sent.back() = 2;
  });
  std::thread other([&] {
    ++ready;
    try {
      communicators[1]->Broadcast(received.get(), kCount, 0);
    } catch (const CommunicatorError&) {
    }
  });
  while (ready < 2) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  communicators[0]->Fail("disk full");
  root.join();
  other.join();
  EXPECT_NE(2, received.get()[kCount - 1]);
  EXPECT_THROW(communicators[1]->Barrier(), CommunicatorError);
}

TEST(ThreadGroup, RefuseUnequalCalls) {
  std::atomic<int> errors{0};
  OnRanks(2, [&](Communicator* c) {
    std::vector<double> data(8);
    try {
      c->AllReduce(data.data(), c->rank() == 0 ? 8 : 7);
    } catch (const CommunicatorError& error) {
      ++errors;
      EXPECT_NE(std::string::npos,
                std::string(error.what()).find("all-reduce of 7 double"));
    }
  });
  EXPECT_EQ(2, errors);
}

}  // namespace
}  // namespace two_stream
