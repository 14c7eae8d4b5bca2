#ifndef TWO_STREAM_DATA_SAMPLE_LOADER_HPP_
#define TWO_STREAM_DATA_SAMPLE_LOADER_HPP_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "caffe_ext/data/augment.hpp"
#include "caffe_ext/data/clip_reader.hpp"
#include "caffe_ext/data/sample_order.hpp"
#include "caffe_ext/data/sampling.hpp"
#include "caffe_ext/data/video_list.hpp"

namespace two_stream {

struct SampleLoaderSettings {
  bool train = false;
  uint64_t seed = 0;
  bool shuffle = false;
  SnippetLayout snippets;
  ShortClipFill fill = ShortClipFill::kLoop;
};

// Makes any global sample of the run from its number alone: the video by the
// order of its epoch; offsets, crop and mirror by streams keyed by (seed,
// epoch, position in the epoch). Thread-safe.
class SampleLoader {
 public:
  SampleLoader(std::vector<VideoEntry> videos, const ClipReader& reader,
               const Augment& augment, const SampleLoaderSettings& settings);

  // Channels x height x width of samples, from the first readable video.
  // Throws UserError where there is none.
  std::vector<int> SampleShape() const;

  // Writes sample g, of `shape`, and its label. A clip with an unreadable frame
  // is replaced by the next of the epoch, cropped and mirrored by the same
  // draws; what was wrong is appended to `failures`, a text a clip. Throws
  // UserError where a frame doesn't give `shape`, and where no clip can be
  // read.
  template <typename Dtype>
  void Load(uint64_t g, const std::vector<int>& shape, Dtype* data,
            Dtype* label, std::vector<std::string>* failures) const;

  uint32_t num_videos() const { return order_.num_videos(); }

 private:
  std::vector<cv::Mat> ReadClip(const VideoEntry& video,
                                const SamplePlace& place,
                                uint32_t attempt) const;
  RandomStream Stream(RandomPurpose purpose, const SamplePlace& place,
                      uint32_t instance) const;

  std::vector<VideoEntry> videos_;
  ClipReader reader_;
  Augment augment_;
  SampleLoaderSettings settings_;
  SampleOrder order_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_DATA_SAMPLE_LOADER_HPP_
