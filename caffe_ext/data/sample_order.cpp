#include "caffe_ext/data/sample_order.hpp"

#include <iterator>

#include "caffe_ext/random/random_stream.hpp"

namespace two_stream {
namespace {
constexpr size_t kEpochsKept = 2;
}  // namespace

uint32_t SampleOrder::Video(uint32_t epoch, uint64_t position) const {
  const uint32_t index = static_cast<uint32_t>(position % num_videos_);
  return shuffle_ ? (*EpochPermutation(epoch))[index] : index;
}

SampleOrder::Permutation SampleOrder::EpochPermutation(uint32_t epoch) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  Permutation& order = recent_[epoch];
  if (!order) {
    order = std::make_shared<std::vector<uint32_t>>(RandomPermutation(
        RandomStream(seed_, RandomPurpose::kDataShuffle, 0, epoch, 0),
        num_videos_));
  }
  const Permutation result = order;
  while (recent_.size() > kEpochsKept) {
    // Drop the one farthest from this epoch: the oldest, unless the cursor was
    // set back.
    const auto oldest = recent_.begin(), newest = std::prev(recent_.end());
    recent_.erase(epoch - oldest->first >= newest->first - epoch ? oldest
                                                                 : newest);
  }
  return result;
}

}  // namespace two_stream
