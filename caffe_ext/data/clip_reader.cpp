#include "caffe_ext/data/clip_reader.hpp"

#include <opencv2/imgproc.hpp>

#include "caffe_ext/data/image_decoder.hpp"

namespace two_stream {
namespace {

cv::Mat ReadOnce(const FrameStore& store, const std::string& key, bool colour) {
  const std::vector<uint8_t> bytes = store.Read(key);
  try {
    return DecodeImage(bytes, colour);
  } catch (const std::runtime_error& error) {
    throw FrameError(key + ": " + error.what());
  }
}

}  // namespace

cv::Mat ClipReader::ReadImage(const std::string& key) const {
  const bool colour = format_.colour && !format_.flow;
  cv::Mat image;
  try {
    image = ReadOnce(*store_, key, colour);
  } catch (const FrameError&) {  // network file systems do this at times
    image = ReadOnce(*store_, key, colour);
  }
  if (format_.size.empty() || format_.size == image.size()) return image;
  cv::Mat resized;
  cv::resize(image, resized, format_.size, 0, 0, cv::INTER_LINEAR);
  return resized;
}

std::vector<cv::Mat> ClipReader::Read(const VideoEntry& video,
                                      const std::vector<int>& frames) const {
  const std::string components = format_.flow ? "xy" : "x";
  std::vector<cv::Mat> images;
  images.reserve(frames.size() * components.size());
  for (int frame : frames) {
    for (char component : components) {
      const std::string key = locator_.Key(video, frame, component);
      images.push_back(ReadImage(key));
      if (images.back().size() != images.front().size())
        throw FrameError(key + ": not the size of the clip's other frames");
    }
  }
  return images;
}

}  // namespace two_stream
