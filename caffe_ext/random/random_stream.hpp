#ifndef TWO_STREAM_RANDOM_RANDOM_STREAM_HPP_
#define TWO_STREAM_RANDOM_RANDOM_STREAM_HPP_

#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "caffe_ext/random/philox.hpp"

namespace two_stream {

// What a stream is for. The numbers are part of the reproducibility contract: a
// new purpose gets a new number, an old one is never changed.
enum class RandomPurpose : uint32_t {
  kDataShuffle = 1,
  kDataOffsets = 2,
  kDataCrop = 3,
  kDataMirror = 4,
  kDataSkip = 5,
  kDropout = 6,
};

// An endless sequence of random numbers that is a pure function of
//   seed      the run's random_seed, the same on every rank,
//   purpose   what the numbers are for,
//   instance  which of several users of one purpose (a hash of a layer's name),
//   epoch     the pass over the data, or the iteration,
//   sample    the global sample (position in the epoch), or the global step.
// Never of a thread or a rank, so any number of them draws the same.
//
// Layout: the stream's 64-bit Philox key is the first half of
//   Philox(counter {purpose, instance, 0x53545245, 0}, key {seed lo, seed hi})
// and draw k is word k % 4 of
//   Philox(counter {k / 4, epoch, sample lo, sample hi}, key).
// A stream has 2^34 draws. Copying one copies its position.
class RandomStream {
 public:
  TWO_STREAM_HOST_DEVICE RandomStream(uint64_t seed, RandomPurpose purpose,
                                      uint32_t instance, uint32_t epoch,
                                      uint64_t sample)
      : key_(), counter_{{0, epoch, Low(sample), High(sample)}}, block_() {
    const PhiloxCounter derived =
        Philox4x32({{static_cast<uint32_t>(purpose), instance, 0x53545245u, 0}},
                   {{Low(seed), High(seed)}});
    key_ = {{derived.word[0], derived.word[1]}};
  }

  // Draw number k, wherever Next() stands: 32 uniform bits.
  TWO_STREAM_HOST_DEVICE uint32_t At(uint64_t k) const {
    return Block(static_cast<uint32_t>(k / 4)).word[k % 4];
  }

  // Draws 4 * block to 4 * block + 3 at the price of one.
  TWO_STREAM_HOST_DEVICE PhiloxCounter Block(uint32_t block) const {
    PhiloxCounter counter = counter_;
    counter.word[0] = block;
    return Philox4x32(counter, key_);
  }

  // The next draw.
  TWO_STREAM_HOST_DEVICE uint32_t Next() {
    if (position_ % 4 == 0)
      block_ = Block(static_cast<uint32_t>(position_ / 4));
    return block_.word[position_++ % 4];
  }

  // Uniform in [0, n), n > 0, without bias (Lemire's rejection): one draw,
  // seldom more.
  TWO_STREAM_HOST_DEVICE uint32_t UniformInt(uint32_t n) {
    uint64_t product = uint64_t{Next()} * n;
    if (static_cast<uint32_t>(product) < n) {
      const uint32_t threshold = (0u - n) % n;
      while (static_cast<uint32_t>(product) < threshold)
        product = uint64_t{Next()} * n;
    }
    return static_cast<uint32_t>(product >> 32);
  }

  // Uniform in [0, 1), 53 bits: two draws.
  TWO_STREAM_HOST_DEVICE double UniformDouble() {
    const uint64_t high = Next() >> 5;
    const uint64_t low = Next() >> 6;
    return static_cast<double>((high << 26) | low) * (1.0 / 9007199254740992.0);
  }

 private:
  TWO_STREAM_HOST_DEVICE static uint32_t Low(uint64_t v) {
    return static_cast<uint32_t>(v);
  }
  TWO_STREAM_HOST_DEVICE static uint32_t High(uint64_t v) {
    return static_cast<uint32_t>(v >> 32);
  }

  PhiloxKey key_;
  PhiloxCounter counter_;
  PhiloxCounter block_;
  uint64_t position_ = 0;
};

// A uniformly random order of 0, ..., n - 1 (Fisher-Yates on the stream).
inline std::vector<uint32_t> RandomPermutation(RandomStream stream,
                                               uint32_t n) {
  std::vector<uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0u);
  for (uint32_t i = n; i > 1; --i)
    std::swap(order[i - 1], order[stream.UniformInt(i)]);
  return order;
}

}  // namespace two_stream

#endif  // TWO_STREAM_RANDOM_RANDOM_STREAM_HPP_
