#ifndef TWO_STREAM_RANDOM_PHILOX_HPP_
#define TWO_STREAM_RANDOM_PHILOX_HPP_

#include <cstdint>

#include "caffe_ext/common/host_device.hpp"

namespace two_stream {

// Philox4x32-10: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3",
// SC 2011. A pure function from a 128-bit counter and a 64-bit key to 128
// random bits: any draw of any stream can be computed by itself, by anyone.
struct PhiloxCounter {
  uint32_t word[4];
};

struct PhiloxKey {
  uint32_t word[2];
};

TWO_STREAM_HOST_DEVICE constexpr PhiloxCounter PhiloxRound(PhiloxCounter c,
                                                           PhiloxKey k) {
  const uint64_t p0 = uint64_t{0xD2511F53u} * c.word[0];
  const uint64_t p1 = uint64_t{0xCD9E8D57u} * c.word[2];
  const uint32_t hi0 = static_cast<uint32_t>(p0 >> 32);
  const uint32_t hi1 = static_cast<uint32_t>(p1 >> 32);
  return {{hi1 ^ c.word[1] ^ k.word[0], static_cast<uint32_t>(p1),
           hi0 ^ c.word[3] ^ k.word[1], static_cast<uint32_t>(p0)}};
}

TWO_STREAM_HOST_DEVICE constexpr PhiloxCounter Philox4x32(PhiloxCounter counter,
                                                          PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    if (round > 0) {
      key.word[0] += 0x9E3779B9u;
      key.word[1] += 0xBB67AE85u;
    }
    counter = PhiloxRound(counter, key);
  }
  return counter;
}

}  // namespace two_stream

#endif  // TWO_STREAM_RANDOM_PHILOX_HPP_
