#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "caffe_ext/data/batch_prefetcher.hpp"

namespace two_stream {
namespace {

using Prefetcher = BatchPrefetcher<float>;

void Number(uint64_t batch, uint32_t item, float* sample, float* label,
            std::vector<std::string>* failures) {
  for (int i = 0; i < 3; ++i) sample[i] = batch * 100 + item * 10 + i;
  *label = batch * 100 + item;
  if ((batch + item) % 3 == 0)
    failures->push_back(std::to_string(batch) + "/" + std::to_string(item));
}

TEST(BatchPrefetcher, EverythingComesInItsPlace) {
  for (int threads : {1, 2, 8}) {
    for (int depth : {1, 3}) {
      Prefetcher prefetcher(
          5, 3, threads, depth,
          [](uint64_t batch, uint32_t item, float* sample, float* label,
             std::vector<std::string>* failures) {
            if (item == batch % 5)  // one slow clip a batch
              std::this_thread::sleep_for(std::chrono::microseconds(300));
            Number(batch, item, sample, label, failures);
          });
      for (uint64_t batch = 0; batch < 30; ++batch) {
        const PrefetchedBatch<float>& got = prefetcher.Next();
        for (uint32_t item = 0; item < 5; ++item) {
          float sample[3], label;
          std::vector<std::string> failures;
          Number(batch, item, sample, &label, &failures);
          ASSERT_TRUE(std::equal(sample, sample + 3, &got.data[item * 3]));
          ASSERT_EQ(got.labels[item], label);
          ASSERT_EQ(got.failures[item], failures);
        }
      }
    }
  }
}

TEST(BatchPrefetcher, PeekGivesTheNextBatchOnceItIsReady) {
  std::atomic<uint64_t> allowed{0};
  Prefetcher prefetcher(1, 3, 1, 2,
                        [&](uint64_t batch, uint32_t item, float* sample,
                            float* label, std::vector<std::string>* failures) {
                          while (batch > allowed) std::this_thread::yield();
                          if (batch == 2) throw std::runtime_error("broken");
                          Number(batch, item, sample, label, failures);
                        });
  const PrefetchedBatch<float>* next = nullptr;
  while (!(next = prefetcher.Peek())) std::this_thread::yield();
  EXPECT_EQ(next->data[1], 1);
  EXPECT_EQ(&prefetcher.Next(), next);
  EXPECT_EQ(prefetcher.Peek(), nullptr);
  allowed = 100;
  while (!(next = prefetcher.Peek())) std::this_thread::yield();
  EXPECT_EQ(next->data[1], 101);
  EXPECT_EQ(&prefetcher.Next(), next);
  EXPECT_THROW(prefetcher.Next(), std::runtime_error);
  EXPECT_EQ(prefetcher.Peek(), nullptr);
}

TEST(BatchPrefetcher, ReadsNoFurtherThanAsked) {
  std::atomic<uint64_t> furthest{0};
  Prefetcher prefetcher(
      2, 1, 4, 3,
      [&](uint64_t batch, uint32_t, float*, float*, std::vector<std::string>*) {
        uint64_t seen = furthest;
        while (seen < batch && !furthest.compare_exchange_weak(seen, batch)) {
        }
      });
  for (uint64_t batch = 0; batch < 20; ++batch) {
    prefetcher.Next();
    EXPECT_LE(furthest, batch + 3);
  }
}

TEST(BatchPrefetcher, TheFirstErrorOfABatchComesOutWithItAndStays) {
  Prefetcher prefetcher(
      4, 1, 8, 2,
      [](uint64_t batch, uint32_t item, float*, float*,
         std::vector<std::string>*) {
        if (batch == 3 && item >= 1) {
          // The later item fails sooner.
          std::this_thread::sleep_for(std::chrono::milliseconds(8 - 2 * item));
          throw std::runtime_error("item " + std::to_string(item));
        }
      });
  for (int batch = 0; batch < 3; ++batch) EXPECT_NO_THROW(prefetcher.Next());
  for (int again = 0; again < 3; ++again) {
    try {
      prefetcher.Next();
      FAIL() << "no error";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "item 1");
    }
  }
}

TEST(BatchPrefetcher, CanBeDroppedAtAnyTime) {
  for (int round = 0; round < 200; ++round) {
    Prefetcher prefetcher(3, 3, 1 + round % 5, 2, Number);
    for (int i = 0; i < round % 4; ++i) prefetcher.Next();
  }
}

}  // namespace
}  // namespace two_stream
