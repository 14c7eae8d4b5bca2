#ifndef TWO_STREAM_TESTS_DATA_FIXTURES_HPP_
#define TWO_STREAM_TESTS_DATA_FIXTURES_HPP_

#include <cstdint>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "caffe_ext/common/error.hpp"

namespace two_stream {
namespace testing {

// A folder that is removed with all in it.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string operator/(const std::string& name) const {
    return path_ + "/" + name;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void WriteFile(const std::string& path, const std::string& content);
std::string ReadFile(const std::string& path);

// Random 8-bit pixels.
cv::Mat RandomImage(int height, int width, int channels, uint32_t seed);

// Creates `folder` (and its parents) with frames 1 to `frames` of random
// pixels, as image_%04d<suffix>.
void WriteRgbVideo(const std::string& folder, int frames, int height, int width,
                   uint32_t seed, const std::string& suffix = ".png");

// The same with flow_x_%04d and flow_y_%04d.
void WriteFlowVideo(const std::string& folder, int fields, int height,
                    int width, uint32_t seed,
                    const std::string& suffix = ".png");

// A random JPEG file's bytes.
std::vector<uint8_t> JpegBytes(int height, int width, int channels,
                               uint32_t seed);

// The message of the UserError that `call` throws; "" when it throws none.
template <typename Call>
std::string UserErrorOf(Call call) {
  try {
    call();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace testing
}  // namespace two_stream

#endif  // TWO_STREAM_TESTS_DATA_FIXTURES_HPP_
