#include "caffe_ext/data/image_decoder.hpp"

#include <algorithm>
#include <opencv2/imgcodecs.hpp>
#include <stdexcept>

namespace two_stream {
namespace {

// No frame of a video is larger; a damaged header can claim 4 billion pixels.
constexpr int64_t kMaxPixels = 100 * 1000 * 1000;
// Some writers leave a little padding behind the end marker.
constexpr size_t kMaxPadding = 4096;

bool IsJpeg(const std::vector<uint8_t>& bytes) {
  return bytes.size() >= 3 && bytes[0] == 0xFF && bytes[1] == 0xD8 &&
         bytes[2] == 0xFF;
}

bool HasEndOfImage(const std::vector<uint8_t>& bytes) {
  const uint8_t marker[] = {0xFF, 0xD9};
  const auto from =
      bytes.end() - std::min(bytes.size(), sizeof(marker) + kMaxPadding);
  return std::find_end(from, bytes.end(), marker, marker + 2) != bytes.end();
}

// Pixels that the frame header (SOF0 to SOF15) announces; 0 when there is none.
int64_t AnnouncedPixels(const std::vector<uint8_t>& bytes) {
  size_t at = 2;
  while (at + 9 <= bytes.size() && bytes[at] == 0xFF) {
    const int marker = bytes[at + 1];
    if (marker == 0xFF) {  // fill byte
      at += 1;
      continue;
    }
    const bool is_frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 &&
                          marker != 0xC8 && marker != 0xCC;
    const int64_t height = bytes[at + 5] * 256 + bytes[at + 6];
    const int64_t width = bytes[at + 7] * 256 + bytes[at + 8];
    if (is_frame) return height * width;
    at += 2 + bytes[at + 2] * 256 + bytes[at + 3];
  }
  return 0;
}

}  // namespace

cv::Mat DecodeImage(const std::vector<uint8_t>& bytes, bool color) {
  if (bytes.empty()) throw std::runtime_error("the file is empty");
  if (IsJpeg(bytes)) {
    if (!HasEndOfImage(bytes))
      throw std::runtime_error("the JPEG is cut short");
    const int64_t pixels = AnnouncedPixels(bytes);
    if (pixels == 0 || pixels > kMaxPixels)
      throw std::runtime_error("the JPEG's header is damaged");
  }
  cv::Mat image;
  try {
    image =
        cv::imdecode(bytes, color ? cv::IMREAD_COLOR : cv::IMREAD_GRAYSCALE);
  } catch (const cv::Exception& error) {
    throw std::runtime_error("cannot be decoded: " + error.err);
  }
  if (image.empty()) throw std::runtime_error("not an image, or damaged");
  return image;
}

}  // namespace two_stream
