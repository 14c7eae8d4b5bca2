#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <random>
#include <sstream>

#include "tests/data/fixtures.hpp"

namespace two_stream {
namespace testing {
namespace {

std::string Number(int n) {
  std::string digits = std::to_string(n);
  return std::string(4 - digits.size(), '0') + digits;
}

}  // namespace

TempFolder::TempFolder() {
  std::string name =
      (std::filesystem::temp_directory_path() / "two_stream_XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void WriteFile(const std::string& path, const std::string& content) {
  std::filesystem::create_directories(
      std::filesystem::path(path).parent_path());
  std::ofstream file(path, std::ios::binary);
  file << content;
  if (!file) throw std::runtime_error("cannot write " + path);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

cv::Mat RandomImage(int height, int width, int channels, uint32_t seed) {
  std::mt19937 random(seed);
  cv::Mat image(height, width, CV_8UC(channels));
  for (int y = 0; y < height; ++y) {
    for (int i = 0; i < width * channels; ++i)
      image.ptr<uint8_t>(y)[i] = random() & 255;
  }
  return image;
}

void WriteRgbVideo(const std::string& folder, int frames, int height, int width,
                   uint32_t seed, const std::string& suffix) {
  std::filesystem::create_directories(folder);
  for (int i = 1; i <= frames; ++i) {
    cv::imwrite(folder + "/image_" + Number(i) + suffix,
                RandomImage(height, width, 3, seed * 1000 + i));
  }
}

void WriteFlowVideo(const std::string& folder, int fields, int height,
                    int width, uint32_t seed, const std::string& suffix) {
  std::filesystem::create_directories(folder);
  for (int i = 1; i <= fields; ++i) {
    for (const char* part : {"x_", "y_"}) {
      cv::imwrite(folder + "/flow_" + part + Number(i) + suffix,
                  RandomImage(height, width, 1, seed * 1000 + 2 * i + *part));
    }
  }
}

std::vector<uint8_t> JpegBytes(int height, int width, int channels,
                               uint32_t seed) {
  std::vector<uint8_t> bytes;
  cv::imencode(".jpg", RandomImage(height, width, channels, seed), bytes);
  return bytes;
}

TEST(Fixtures, FolderIsRemoved) {
  std::string path;
  {
    const TempFolder folder;
    path = folder.path();
    WriteFile(folder / "a/b.txt", "text");
    EXPECT_EQ(ReadFile(folder / "a/b.txt"), "text");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace testing
}  // namespace two_stream
