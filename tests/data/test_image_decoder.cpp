#include <gtest/gtest.h>

#include <opencv2/imgcodecs.hpp>
#include <random>

#include "caffe_ext/data/image_decoder.hpp"
#include "tests/data/fixtures.hpp"

namespace two_stream {
namespace {

using testing::JpegBytes;
using testing::RandomImage;

std::string ErrorOf(const std::vector<uint8_t>& bytes) {
  try {
    DecodeImage(bytes, true);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(ImageDecoder, ColourAndGrey) {
  const cv::Mat image = RandomImage(13, 17, 3, 1);
  std::vector<uint8_t> png;
  cv::imencode(".png", image, png);
  EXPECT_EQ(cv::norm(DecodeImage(png, true), image, cv::NORM_INF), 0);
  EXPECT_EQ(DecodeImage(png, false).type(), CV_8UC1);
  const std::vector<uint8_t> jpeg = JpegBytes(13, 17, 1, 1);
  EXPECT_EQ(DecodeImage(jpeg, true).type(), CV_8UC3);
  EXPECT_EQ(DecodeImage(jpeg, false).size(), cv::Size(17, 13));
}

TEST(ImageDecoder, AcceptsPaddingBehindTheEnd) {
  std::vector<uint8_t> jpeg = JpegBytes(16, 16, 3, 2);
  jpeg.resize(jpeg.size() + 512);
  EXPECT_EQ(ErrorOf(jpeg), "");
}

TEST(ImageDecoder, EmptyTextAndDamagedFiles) {
  EXPECT_EQ(ErrorOf({}), "the file is empty");
  const std::string text = "<html>404 not found</html>";
  EXPECT_NE(ErrorOf({text.begin(), text.end()}), "");
  EXPECT_NE(ErrorOf({0xFF, 0xD8, 0xFF}), "");
  EXPECT_NE(ErrorOf({0xFF, 0xD8, 0xFF, 0xD9}), "");
  EXPECT_NE(ErrorOf(std::vector<uint8_t>(10000)), "");
}

// Decoders fill the missing rows with grey or leave what was there before.
TEST(ImageDecoder, EveryTruncationIsAnError) {
  const std::vector<uint8_t> jpeg = JpegBytes(40, 40, 3, 3);
  for (size_t size = 0; size < jpeg.size() - 1; ++size) {
    ASSERT_NE(ErrorOf({jpeg.begin(), jpeg.begin() + size}), "")
        << size << " of " << jpeg.size();
  }
}

TEST(ImageDecoder, AHeaderCannotAskForBillionsOfPixels) {
  std::vector<uint8_t> jpeg = JpegBytes(16, 16, 1, 4);
  for (size_t i = 0; i + 8 < jpeg.size(); ++i) {
    if (jpeg[i] == 0xFF && jpeg[i + 1] == 0xC0) {
      for (int k = 5; k <= 8; ++k) jpeg[i + k] = 0xFE;
      break;
    }
  }
  EXPECT_NE(ErrorOf(jpeg).find("header"), std::string::npos);
}

TEST(ImageDecoderFuzz, DecodesOrThrows) {
  std::mt19937 random(4);
  const std::vector<uint8_t> valid = JpegBytes(24, 24, 3, 5);
  int decoded = 0, refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<uint8_t> bytes = valid;
    for (int edits = 1 + random() % 8; edits > 0; --edits)
      bytes[random() % bytes.size()] = random();
    if (random() % 8 == 0) bytes.erase(bytes.begin() + random() % 600);
    try {
      const cv::Mat image = DecodeImage(bytes, random() % 2);
      ASSERT_FALSE(image.empty());
      ASSERT_EQ(image.depth(), CV_8U);
      decoded += 1;
    } catch (const std::runtime_error&) {
      refused += 1;
    }
  }
  EXPECT_GT(decoded, 100);
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace two_stream
