// Blobs that are read, written and asked for between passes.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "small_nets.hpp"

namespace two_stream {
namespace {

TEST(NetMemory, ReusedBlobsAreRefusedAndKeptFromThenOn) {
  const auto shared = MakeNet(RandomData() + Body(), caffe::TEST);
  OptimizeMemory(shared.get(), Poisoned(false));
  shared->Forward();
  const auto blob = shared->blob_by_name("conv1");
  const std::string error = ErrorOf([&] { ClaimBlob(*blob, false); });
  EXPECT_TRUE(Has(error, "data of blob \"conv1\"")) << error;
  EXPECT_TRUE(Has(error, "exclude_blob: \"conv1\"")) << error;
  EXPECT_NE(ErrorOf([&] { ClaimBlob(*blob, false); }), "");  // still
  // From the next pass on it is there, and stays.
  caffe::Caffe::set_random_seed(9);
  shared->Forward();
  EXPECT_EQ(ErrorOf([&] { ClaimBlob(*blob, false); }), "");
  const auto kept = DataOf(*shared, "conv1");
  const auto stock = MakeNet(RandomData() + Body(), caffe::TEST);
  caffe::Caffe::set_random_seed(9);
  stock->Forward();
  EXPECT_TRUE(SameBits(kept, DataOf(*stock, "conv1")));
  EXPECT_TRUE(SameBits(DataOf(*shared, "prob"), DataOf(*stock, "prob")));
}

TEST(NetMemory, ClaimedBlobsHoldWhatCaffeWouldHold) {
  // Each blob is claimed at each possible moment; the content is right or the
  // claim is refused. Then training goes on as if nothing had happened.
  const std::string text = RandomData() + Body();
  int refused = 0, granted = 0;
  for (const char* name : {"conv1", "conv2", "pool", "conv3", "score"}) {
    for (bool diff : {false, true}) {
      for (int moment = 0; moment < 4; ++moment) {
        const auto stock = MakeNet(text, caffe::TRAIN);
        const auto shared = MakeNet(text, caffe::TRAIN);
        OptimizeMemory(shared.get(), MemoryOptions());
        const auto run = [&](Net* net, int until) {
          caffe::Caffe::set_random_seed(11);
          net->ClearParamDiffs();
          if (until > 0) net->ForwardTo(until > 1 ? 11 : 5);
          if (until > 2) net->Backward();
        };
        run(stock.get(), moment);
        run(shared.get(), moment);
        const auto blob = shared->blob_by_name(name);
        if (ErrorOf([&] { ClaimBlob(*blob, diff); }).empty()) {
          ++granted;
          EXPECT_TRUE(
              diff ? SameBits(DiffOf(*stock, name), DiffOf(*shared, name))
                   : SameBits(DataOf(*stock, name), DataOf(*shared, name)))
              << name << diff << moment;
        } else {
          ++refused;
        }
        run(stock.get(), 3);
        run(shared.get(), 3);
        EXPECT_TRUE(SameBits(ParameterDiffs(*stock), ParameterDiffs(*shared)));
        EXPECT_EQ(ErrorOf([&] { ClaimBlob(*blob, diff); }), "");
        EXPECT_TRUE(diff
                        ? SameBits(DiffOf(*stock, name), DiffOf(*shared, name))
                        : SameBits(DataOf(*stock, name), DataOf(*shared, name)))
            << name << diff << moment;
      }
    }
  }
  EXPECT_GT(refused, 5);
  EXPECT_GT(granted, 20);
}

TEST(NetMemory, ExcludedBlobsKeepTheirContent) {
  const std::string text = RandomData() + Body();
  const auto stock = MakeNet(text, caffe::TRAIN);
  const auto shared = MakeNet(text, caffe::TRAIN);
  MemoryOptions options = Poisoned();
  options.excluded = {"conv1", "conv3", "no such blob"};
  OptimizeMemory(shared.get(), options);
  for (Net* net : {stock.get(), shared.get()}) {
    caffe::Caffe::set_random_seed(3);
    net->ForwardBackward();
  }
  for (const char* name : {"conv1", "conv3"}) {
    EXPECT_TRUE(SameBits(DataOf(*stock, name), DataOf(*shared, name)));
    EXPECT_TRUE(SameBits(DiffOf(*stock, name), DiffOf(*shared, name)));
    EXPECT_EQ(ErrorOf([&] { ClaimBlob(*shared->blob_by_name(name), false); }),
              "");
  }
}

TEST(NetMemory, SmallestBlobsMayBeKept) {
  const auto net = MakeNet(InputData() + Body(), caffe::TEST);
  MemoryOptions options = Poisoned(false);
  options.keep_share = 0.01;
  OptimizeMemory(net.get(), options);
  net->Forward();
  EXPECT_EQ(ErrorOf([&] { ClaimBlob(*net->blob_by_name("score"), false); }),
            "");
  EXPECT_NE(ErrorOf([&] { ClaimBlob(*net->blob_by_name("conv1"), false); }),
            "");
}

TEST(NetMemory, PartialPassesAreRightOrRefused) {
  // Random forward and backward ranges against stock Caffe, whose blobs keep
  // whatever was last written there.
  std::mt19937 rng(7);
  const auto draw = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(rng);
  };
  int refused = 0, done = 0;
  for (int round = 0; round < 60; ++round) {
    const auto stock = MakeNet(InputData() + Body(), caffe::TRAIN);
    const auto shared = MakeNet(InputData() + Body(), caffe::TRAIN);
    OptimizeMemory(shared.get(), MemoryOptions());
    std::mt19937 same(round);
    FillInput(stock.get(), &same);
    same.seed(round);
    FillInput(shared.get(), &same);
    const int layers = static_cast<int>(stock->layers().size());
    for (int k = 0; k < 6; ++k) {
      const int start = draw(0, 2) ? 0 : draw(0, layers - 1);
      const int end = draw(0, 2) ? layers - 1 : draw(start, layers - 1);
      const bool backward = draw(0, 1);
      const std::string error = ErrorOf([&] {
        backward ? shared->BackwardFromTo(end, start)
                 : (void)shared->ForwardFromTo(start, end);
      });
      if (!error.empty()) {
        EXPECT_TRUE(Has(error, "exclude_blob")) << error;
        ++refused;
        break;
      }
      ++done;
      backward ? stock->BackwardFromTo(end, start)
               : (void)stock->ForwardFromTo(start, end);
      ASSERT_TRUE(SameBits(DataOf(*stock, "loss"), DataOf(*shared, "loss")));
      ASSERT_TRUE(SameBits(ParameterDiffs(*stock), ParameterDiffs(*shared)));
    }
  }
  EXPECT_GT(refused, 10);
  EXPECT_GT(done, 100);
}

}  // namespace
}  // namespace two_stream
