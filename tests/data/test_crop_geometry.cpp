#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <utility>

#include "caffe_ext/data/crop_geometry.hpp"

namespace two_stream {
namespace {

std::vector<std::pair<int, int>> HeightsAndWidths(
    const std::vector<cv::Size>& sizes) {
  std::vector<std::pair<int, int>> pairs;
  for (const cv::Size& size : sizes)
    pairs.emplace_back(size.height, size.width);
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

// The paper's setting: 256 x 340 frames, ratios 1, .875, .75, .66 give 256,
// 224, 192 and 168, neighbours combined.
TEST(MultiScaleSizes, OfThePaper) {
  const auto sizes = HeightsAndWidths(
      MultiScaleSizes({340, 256}, 224, {1.f, .875f, .75f, .66f}, 1));
  EXPECT_EQ(sizes, (std::vector<std::pair<int, int>>{{168, 168},
                                                     {168, 192},
                                                     {192, 168},
                                                     {192, 192},
                                                     {192, 224},
                                                     {224, 192},
                                                     {224, 224},
                                                     {224, 256},
                                                     {256, 224},
                                                     {256, 256}}));
}

TEST(MultiScaleSizes, MaxDistortLimitsThePairs) {
  const std::vector<float> ratios = {1.f, .875f, .75f, .66f};
  const size_t expected[] = {4, 10, 14, 16, 16};
  for (int distort = 0; distort < 5; ++distort) {
    EXPECT_EQ(MultiScaleSizes({340, 256}, 224, ratios, distort).size(),
              expected[distort]);
  }
}

TEST(MultiScaleSizes, SnapsWithinTwoPixels) {
  for (int side = 218; side <= 230; ++side) {
    const auto sizes = MultiScaleSizes({side, side + 50}, 224, {1.f}, 1);
    ASSERT_EQ(sizes.size(), 1u);
    const int expected = side >= 222 && side <= 226 ? 224 : side;
    EXPECT_EQ(sizes[0], cv::Size(expected, expected)) << side;
  }
}

TEST(FixedCropCorners, OfThePaper) {
  // Free space 116 x 32, quarters of 29 x 8.
  const std::vector<cv::Point> five = {
      {0, 0}, {116, 0}, {0, 32}, {116, 32}, {58, 16}};
  EXPECT_EQ(FixedCropCorners({340, 256}, {224, 224}, false), five);
  auto all = FixedCropCorners({340, 256}, {224, 224}, true);
  ASSERT_EQ(all.size(), 13u);
  EXPECT_TRUE(std::equal(five.begin(), five.end(), all.begin()));
  std::set<std::pair<int, int>> more, expected;
  for (const cv::Point& p : all) more.insert({p.x / 29, p.y / 8});
  for (int x = 0; x <= 4; ++x) {
    for (int y = 0; y <= 4; ++y) {
      if ((x + y) % 2 == 0) expected.insert({x, y});
    }
  }
  EXPECT_EQ(more, expected);  // the dark fields of a 5 x 5 chessboard
}

TEST(FixedCropCorners, StayInTheFrame) {
  std::mt19937 random(6);
  for (int round = 0; round < 5000; ++round) {
    const cv::Size frame(1 + random() % 60, 1 + random() % 60);
    const cv::Size crop(1 + random() % frame.width,
                        1 + random() % frame.height);
    for (const cv::Point& p : FixedCropCorners(frame, crop, true)) {
      const cv::Rect rect(p, crop);
      ASSERT_EQ(rect & cv::Rect({0, 0}, frame), rect);
    }
  }
}

TEST(CentreCrop, RoundsUpAndLeft) {
  EXPECT_EQ(CentreCrop({10, 11}, {4, 4}), cv::Rect(3, 3, 4, 4));
  EXPECT_EQ(CentreCrop({4, 4}, {4, 4}), cv::Rect(0, 0, 4, 4));
}

}  // namespace
}  // namespace two_stream
