#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "caffe_ext/data/sampling.hpp"

namespace two_stream {
namespace {

RandomStream Stream(uint64_t sample) {
  return RandomStream(4, RandomPurpose::kDataOffsets, 0, 0, sample);
}

TEST(Sampling, TestTakesTheCentreOfEachSegment) {
  // d = 10, offset (10 - 3 + 1) / 2 = 4.
  EXPECT_EQ(SampleFrames(32, {3, 3}, ShortClipFill::kLoop, nullptr),
            (std::vector<int>{4, 5, 6, 14, 15, 16, 24, 25, 26}));
  // The stack fills the segment: (d - L + 1) / 2 is 0.
  EXPECT_EQ(SampleFrames(4, {1, 4}, ShortClipFill::kLoop, nullptr),
            (std::vector<int>{0, 1, 2, 3}));
  // One frame to spare: 2 / 2 = 1, the last possible offset.
  EXPECT_EQ(SampleFrames(5, {1, 4}, ShortClipFill::kLoop, nullptr),
            (std::vector<int>{1, 2, 3, 4}));
}

TEST(Sampling, TrainOffsetsAreUniformInEverySegment) {
  const int num_frames = 25, segments = 2, length = 4;  // d = 12, 9 offsets
  std::map<int, int> starts[2];
  const int rounds = 36000;
  for (int i = 0; i < rounds; ++i) {
    RandomStream random = Stream(i);
    const auto frames = SampleFrames(num_frames, {segments, length},
                                     ShortClipFill::kLoop, &random);
    ASSERT_EQ(frames.size(), 8u);
    for (int s = 0; s < segments; ++s) {
      for (int k = 1; k < length; ++k)
        ASSERT_EQ(frames[s * length + k], frames[s * length] + k);
      ++starts[s][frames[s * length]];
    }
  }
  for (int s = 0; s < segments; ++s) {
    ASSERT_EQ(starts[s].size(), 9u);
    EXPECT_EQ(starts[s].begin()->first, s * 12);
    EXPECT_EQ(starts[s].rbegin()->first, s * 12 + 8);
    for (const auto& start : starts[s]) {
      const double expected = rounds / 9.;
      EXPECT_NEAR(start.second, expected, 5 * std::sqrt(expected));
    }
  }
}

TEST(Sampling, ShortClipsLoopOrRepeatTheLastFrame) {
  EXPECT_EQ(SampleFrames(3, {1, 7}, ShortClipFill::kLoop, nullptr),
            (std::vector<int>{0, 1, 2, 0, 1, 2, 0}));
  EXPECT_EQ(SampleFrames(3, {1, 7}, ShortClipFill::kPad, nullptr),
            (std::vector<int>{0, 1, 2, 2, 2, 2, 2}));
  EXPECT_EQ(SampleFrames(1, {3, 2}, ShortClipFill::kPad, nullptr),
            (std::vector<int>{0, 0, 0, 0, 0, 0}));
  // Long enough for a stack, not for one a segment: parts begin at 0, 3, 6.
  EXPECT_EQ(SampleFrames(9, {3, 4}, ShortClipFill::kLoop, nullptr),
            (std::vector<int>{0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 0}));
  EXPECT_EQ(SampleFrames(9, {3, 4}, ShortClipFill::kPad, nullptr),
            (std::vector<int>{0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 8}));
}

TEST(Sampling, ShortClipsDrawNothing) {
  RandomStream random = Stream(0), untouched = Stream(0);
  SampleFrames(5, {2, 3}, ShortClipFill::kLoop, &random);
  EXPECT_EQ(random.Next(), untouched.Next());
}

TEST(Sampling, IsShortFollowsTheIntegerDivision) {
  EXPECT_FALSE(IsShortClip(30, {3, 10}));
  EXPECT_TRUE(IsShortClip(29, {3, 10}));
  EXPECT_TRUE(IsShortClip(2, {3, 1}));
  EXPECT_FALSE(IsShortClip(1, {1, 1}));
}

TEST(Sampling, EveryFrameIsInTheVideo) {
  std::mt19937 random(5);
  for (int round = 0; round < 20000; ++round) {
    const int num_frames = 1 + random() % 40;
    const SnippetLayout layout{static_cast<int>(1 + random() % 6),
                               static_cast<int>(1 + random() % 12)};
    RandomStream stream = Stream(round);
    const auto fill = random() % 2 ? ShortClipFill::kLoop : ShortClipFill::kPad;
    const auto frames = SampleFrames(num_frames, layout, fill,
                                     random() % 2 ? &stream : nullptr);
    ASSERT_EQ(frames.size(), layout.num_segments * layout.length);
    for (int frame : frames) {
      ASSERT_GE(frame, 0);
      ASSERT_LT(frame, num_frames);
    }
  }
}

}  // namespace
}  // namespace two_stream
