#ifndef TWO_STREAM_DATA_SAMPLE_ORDER_HPP_
#define TWO_STREAM_DATA_SAMPLE_ORDER_HPP_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace two_stream {

// Where sample g of an endless run over a list of n videos stands: pass g / n
// of the list, position g % n in that pass.
struct SamplePlace {
  uint32_t epoch;
  uint32_t position;
};

// A rank's part of each global batch. Step t reads the global samples
//   first + t * world * batch + rank * batch + [0, batch),
// so the ranks' batches, laid side by side, are the same for any number of
// ranks with the same global batch.
struct DataShard {
  uint32_t rank = 0;
  uint32_t world = 1;

  uint64_t GlobalSample(uint64_t first, uint64_t step, uint32_t batch,
                        uint32_t item) const {
    return first + (step * world + rank) * batch + item;
  }
};

// The order of the videos: the list's own, or a permutation of it for each
// epoch that depends on the seed and the epoch only. Thread-safe.
class SampleOrder {
 public:
  SampleOrder(uint32_t num_videos, bool shuffle, uint64_t seed)
      : num_videos_(num_videos), shuffle_(shuffle), seed_(seed) {}

  SamplePlace Place(uint64_t global_sample) const {
    return {static_cast<uint32_t>(global_sample / num_videos_),
            static_cast<uint32_t>(global_sample % num_videos_)};
  }

  // Index into the list of the video at `position` (taken modulo the list) of
  // `epoch`.
  uint32_t Video(uint32_t epoch, uint64_t position) const;

  uint32_t num_videos() const { return num_videos_; }

 private:
  using Permutation = std::shared_ptr<const std::vector<uint32_t>>;
  Permutation EpochPermutation(uint32_t epoch) const;

  const uint32_t num_videos_;
  const bool shuffle_;
  const uint64_t seed_;
  // Threads that read ahead are in two epochs at once.
  mutable std::mutex mutex_;
  mutable std::map<uint32_t, Permutation> recent_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_DATA_SAMPLE_ORDER_HPP_
