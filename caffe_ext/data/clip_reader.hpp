#ifndef TWO_STREAM_DATA_CLIP_READER_HPP_
#define TWO_STREAM_DATA_CLIP_READER_HPP_

#include <memory>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "caffe_ext/data/frame_locator.hpp"
#include "caffe_ext/data/frame_store.hpp"
#include "caffe_ext/data/video_list.hpp"

namespace two_stream {

struct FrameFormat {
  bool flow = false;   // x and y fields, one grey channel each; else RGB
  bool colour = true;  // RGB only: BGR, 3 channels; else one grey channel
  cv::Size size = {};  // resize every frame to it; empty: as on disk

  int channels() const { return flow ? 2 : colour ? 3 : 1; }
};

// Reads frames of a video from a store. Thread-safe.
class ClipReader {
 public:
  ClipReader(std::shared_ptr<const FrameStore> store,
             const FrameLocator& locator, const FrameFormat& format)
      : store_(std::move(store)), locator_(locator), format_(format) {}

  // 8-bit images, all of one size: BGR or grey for each of `frames` (0-based),
  // or x1, y1, x2, y2, ... for flow. Each is tried twice before FrameError says
  // which failed and why.
  std::vector<cv::Mat> Read(const VideoEntry& video,
                            const std::vector<int>& frames) const;

  const FrameFormat& format() const { return format_; }

 private:
  cv::Mat ReadImage(const std::string& key) const;

  std::shared_ptr<const FrameStore> store_;
  FrameLocator locator_;
  FrameFormat format_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_DATA_CLIP_READER_HPP_
