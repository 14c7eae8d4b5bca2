#include "caffe_ext/data/sample_loader.hpp"

#include <algorithm>
#include <utility>

#include "caffe_ext/common/error.hpp"

namespace two_stream {
namespace {

// A sample gives up after so many clips in a row; that is a broken data set.
constexpr uint32_t kMaxAttempts = 100;

}  // namespace

SampleLoader::SampleLoader(std::vector<VideoEntry> videos,
                           const ClipReader& reader, const Augment& augment,
                           const SampleLoaderSettings& settings)
    : videos_(std::move(videos)),
      reader_(reader),
      augment_(augment),
      settings_(settings),
      order_(videos_.size(), settings.shuffle, settings.seed) {}

RandomStream SampleLoader::Stream(RandomPurpose purpose,
                                  const SamplePlace& place,
                                  uint32_t instance) const {
  return RandomStream(settings_.seed, purpose, instance, place.epoch,
                      place.position);
}

std::vector<cv::Mat> SampleLoader::ReadClip(const VideoEntry& video,
                                            const SamplePlace& place,
                                            uint32_t attempt) const {
  RandomStream offsets = Stream(RandomPurpose::kDataOffsets, place, attempt);
  return reader_.Read(
      video, SampleFrames(video.num_frames, settings_.snippets, settings_.fill,
                          settings_.train ? &offsets : nullptr));
}

std::vector<int> SampleLoader::SampleShape() const {
  const uint32_t attempts = std::min(num_videos(), kMaxAttempts);
  std::string reason;
  for (uint32_t i = 0; i < attempts; ++i) {
    try {
      const std::vector<cv::Mat> clip = ReadClip(videos_[i], {0, i}, 0);
      const cv::Size out = augment_.OutputSize(clip.front().size());
      const int channels = clip.size() * clip.front().channels();
      return {channels, out.height, out.width};
    } catch (const FrameError& error) {
      reason = error.what();
    } catch (const UserError& error) {
      throw UserError(videos_[i].path + ": " + error.what());
    }
  }
  throw UserError("none of the list's first " + std::to_string(attempts) +
                  " clips can be read; the last: " + reason);
}

template <typename Dtype>
void SampleLoader::Load(uint64_t g, const std::vector<int>& shape, Dtype* data,
                        Dtype* label,
                        std::vector<std::string>* failures) const {
  const SamplePlace place = order_.Place(g);
  const uint32_t attempts = std::min(num_videos(), kMaxAttempts);
  for (uint32_t attempt = 0; attempt < attempts; ++attempt) {
    const VideoEntry& video =
        videos_[order_.Video(place.epoch, uint64_t{place.position} + attempt)];
    std::vector<cv::Mat> clip;
    try {
      clip = ReadClip(video, place, attempt);
    } catch (const FrameError& error) {
      failures->push_back(error.what());
      continue;
    }
    try {
      RandomStream crop = Stream(RandomPurpose::kDataCrop, place, 0);
      RandomStream mirror = Stream(RandomPurpose::kDataMirror, place, 0);
      const CropPlan plan = augment_.Draw(clip.front().size(), &crop, &mirror);
      if (plan.out != cv::Size(shape[2], shape[1])) {
        throw UserError(
            "its frames are not the size of the first video's; set crop_size, "
            "or new_width and new_height");
      }
      int channel = 0;
      for (const cv::Mat& image : clip) {
        augment_.Apply(image, plan, channel, data);
        channel += image.channels();
      }
    } catch (const UserError& error) {
      throw UserError(video.path + ": " + error.what());
    }
    *label = video.label;
    return;
  }
  throw UserError(
      std::to_string(attempts) +
      " clips in a row can't be read; the last: " + failures->back());
}

template void SampleLoader::Load(uint64_t, const std::vector<int>&, float*,
                                 float*, std::vector<std::string>*) const;
template void SampleLoader::Load(uint64_t, const std::vector<int>&, double*,
                                 double*, std::vector<std::string>*) const;

}  // namespace two_stream
