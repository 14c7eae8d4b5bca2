#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "caffe_ext/random/philox.hpp"
#include "caffe_ext/random/random_stream.hpp"

namespace two_stream {
namespace {

std::vector<uint32_t> Words(const PhiloxCounter& c) {
  return {c.word, c.word + 4};
}

// kat_vectors of Random123, "philox4x32 10".
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(
      Words(Philox4x32({{0, 0, 0, 0}}, {{0, 0}})),
      (std::vector<uint32_t>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint32_t ones = 0xffffffff;
  EXPECT_EQ(
      Words(Philox4x32({{ones, ones, ones, ones}}, {{ones, ones}})),
      (std::vector<uint32_t>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(
      Words(Philox4x32({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
                       {{0xa4093822, 0x299f31d0}})),
      (std::vector<uint32_t>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, IsAConstantExpression) {
  constexpr PhiloxCounter c = Philox4x32({{0, 0, 0, 0}}, {{0, 0}});
  static_assert(c.word[0] == 0x6627e8d5u, "computed by the compiler");
}

TEST(RandomStream, NextEqualsRandomAccess) {
  RandomStream stream(77, RandomPurpose::kDropout, 3, 5, 1ull << 40);
  const RandomStream fixed = stream;
  for (uint64_t k = 0; k < 1000; ++k) ASSERT_EQ(stream.Next(), fixed.At(k));
  EXPECT_EQ(fixed.Block(2).word[1], fixed.At(9));
}

// The documented layout, computed by hand: other programs rely on it.
TEST(RandomStream, FollowsTheDocumentedLayout) {
  const uint64_t seed = 0x0123456789abcdefull, sample = 0xfedcba9876543210ull;
  const PhiloxCounter derived =
      Philox4x32({{2, 9, 0x53545245, 0}}, {{0x89abcdef, 0x01234567}});
  const PhiloxKey key = {{derived.word[0], derived.word[1]}};
  const PhiloxCounter block = Philox4x32({{1, 7, 0x76543210, 0xfedcba98}}, key);
  const RandomStream stream(seed, RandomPurpose::kDataOffsets, 9, 7, sample);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(stream.At(4 + i), block.word[i]);
}

TEST(RandomStream, EveryPartOfTheKeyMatters) {
  const RandomPurpose crop = RandomPurpose::kDataCrop;
  const RandomPurpose mirror = RandomPurpose::kDataMirror;
  const std::vector<RandomStream> streams = {
      {1, crop, 0, 0, 0},          {2, crop, 0, 0, 0},
      {1ull << 32, crop, 0, 0, 0}, {1, mirror, 0, 0, 0},
      {1, crop, 1, 0, 0},          {1, crop, 0, 1, 0},
      {1, crop, 0, 0, 1},          {1, crop, 0, 0, 1ull << 32},
      {1, crop, 0, 0, 1ull << 33}};
  std::set<std::array<uint32_t, 4>> seen;
  for (const RandomStream& s : streams)
    seen.insert({s.At(0), s.At(1), s.At(2), s.At(3)});
  EXPECT_EQ(seen.size(), streams.size());
}

// Chi-square against its own mean and spread: k - 1 +- 5 sqrt(2 (k - 1)).
void ExpectUniform(const std::vector<int>& counts) {
  double total = 0, chi2 = 0;
  for (int c : counts) total += c;
  const double expected = total / counts.size();
  for (int c : counts) chi2 += (c - expected) * (c - expected) / expected;
  const double freedom = counts.size() - 1;
  EXPECT_LT(chi2, freedom + 5 * std::sqrt(2 * freedom));
  EXPECT_GT(chi2, freedom - 5 * std::sqrt(2 * freedom));
}

TEST(RandomStream, IntegersAreUniform) {
  for (uint32_t n : {2u, 3u, 7u, 13u, 100u}) {
    RandomStream stream(5, RandomPurpose::kDataOffsets, 0, n, 0);
    std::vector<int> counts(n);
    for (int i = 0; i < 200000; ++i) ++counts.at(stream.UniformInt(n));
    ExpectUniform(counts);
  }
}

// A plain modulo or a multiplication without rejection puts twice as much in
// some thirds here.
TEST(RandomStream, LargeRangesHaveNoBias) {
  const uint32_t n = 3u << 30;
  RandomStream stream(6, RandomPurpose::kDataOffsets, 0, 0, 0);
  std::vector<int> counts(3), remainders(3);
  for (int i = 0; i < 90000; ++i) {
    const uint32_t v = stream.UniformInt(n);
    ++counts.at(v >> 30);
    ++remainders.at(v % 3);
  }
  ExpectUniform(counts);
  ExpectUniform(remainders);
}

TEST(RandomStream, OneValueOnly) {
  RandomStream stream(6, RandomPurpose::kDataOffsets, 0, 0, 0);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(stream.UniformInt(1), 0u);
}

TEST(RandomStream, DoublesAreUniformInTheUnitInterval) {
  RandomStream stream(8, RandomPurpose::kDropout, 0, 0, 0);
  std::vector<int> counts(64);
  for (int i = 0; i < 200000; ++i) {
    const double u = stream.UniformDouble();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    ++counts[static_cast<int>(u * 64)];
  }
  ExpectUniform(counts);
}

// First draws of neighbouring streams are what samples of one batch use.
TEST(RandomStream, NeighbouringStreamsAreIndependent) {
  std::vector<int> pairs(64);
  for (uint32_t sample = 0; sample < 50000; ++sample) {
    const RandomStream a(1, RandomPurpose::kDataCrop, 0, 0, sample);
    const RandomStream b(1, RandomPurpose::kDataCrop, 0, 0, sample + 1);
    ++pairs[(a.At(0) >> 29) * 8 + (b.At(0) >> 29)];
  }
  ExpectUniform(pairs);
}

TEST(RandomPermutation, HoldsEveryIndexOnce) {
  for (uint32_t n : {0u, 1u, 2u, 10u, 1000u}) {
    std::vector<uint32_t> p = RandomPermutation(
        RandomStream(3, RandomPurpose::kDataShuffle, 0, 4, 0), n);
    ASSERT_EQ(p.size(), n);
    std::sort(p.begin(), p.end());
    for (uint32_t i = 0; i < n; ++i) EXPECT_EQ(p[i], i);
  }
}

TEST(RandomPermutation, EveryOrderIsAsLikely) {
  std::map<std::vector<uint32_t>, int> seen;
  for (uint32_t epoch = 0; epoch < 48000; ++epoch) {
    ++seen[RandomPermutation(
        RandomStream(3, RandomPurpose::kDataShuffle, 0, epoch, 0), 4)];
  }
  std::vector<int> counts;
  for (const auto& entry : seen) counts.push_back(entry.second);
  ASSERT_EQ(counts.size(), 24u);
  ExpectUniform(counts);
}

}  // namespace
}  // namespace two_stream
