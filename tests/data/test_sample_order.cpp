#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "caffe_ext/data/sample_order.hpp"
#include "caffe_ext/random/random_stream.hpp"

namespace two_stream {
namespace {

TEST(DataShard, RanksShareEachGlobalBatchWithoutOverlap) {
  for (uint32_t world : {1u, 2u, 3u, 8u}) {
    const uint32_t batch = 24 / world;
    uint64_t expected = 1000;
    for (uint64_t step = 0; step < 5; ++step) {
      for (uint32_t rank = 0; rank < world; ++rank) {
        for (uint32_t i = 0; i < batch; ++i) {
          ASSERT_EQ((DataShard{rank, world}.GlobalSample(1000, step, batch, i)),
                    expected++);
        }
      }
    }
  }
}

TEST(SampleOrder, UnshuffledIsTheListOverAndOver) {
  const SampleOrder order(5, false, 1);
  for (uint64_t g = 0; g < 30; ++g) {
    const SamplePlace place = order.Place(g);
    EXPECT_EQ(place.epoch, g / 5);
    EXPECT_EQ(order.Video(place.epoch, place.position), g % 5);
  }
  EXPECT_EQ(order.Video(3, 7), 2u);  // past the end: the list's begin
}

TEST(SampleOrder, ShuffledIsTheDocumentedPermutation) {
  const SampleOrder order(50, true, 77);
  for (uint32_t epoch : {0u, 1u, 5u, 0u, 3u, 4000000000u}) {
    const auto expected = RandomPermutation(
        RandomStream(77, RandomPurpose::kDataShuffle, 0, epoch, 0), 50);
    for (uint32_t i = 0; i < 50; ++i)
      ASSERT_EQ(order.Video(epoch, i), expected[i]);
  }
}

TEST(SampleOrder, ManyThreadsInManyEpochs) {
  const SampleOrder order(3, true, 5);
  std::vector<std::vector<uint32_t>> seen(8);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (uint32_t i = 0; i < 3000; ++i)
        seen[t].push_back(order.Video(t % 2 ? i / 3 : (2999 - i) / 3, i));
    });
  }
  for (auto& thread : threads) thread.join();
  for (int t = 2; t < 8; ++t) EXPECT_EQ(seen[t], seen[t % 2]);
}

}  // namespace
}  // namespace two_stream
