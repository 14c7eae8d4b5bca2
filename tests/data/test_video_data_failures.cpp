// VideoData on data that is wrong: short clips, unreadable frames, bad
// settings.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <opencv2/imgcodecs.hpp>

#include "caffe/util/io.hpp"
#include "tests/data/layer_fixture.hpp"
#include "tests/data/lmdb_fixture.hpp"

namespace two_stream {
namespace {

using caffe::TEST;
using caffe::TRAIN;
using testing::LayerUnderTest;
using testing::ReadFile;
using testing::Seeded;
using testing::TempFolder;
using testing::UserErrorOf;
using testing::WriteFile;
using testing::WriteFlowVideo;
using testing::WriteLmdb;
using testing::WriteRgbVideo;

class VideoDataFailures : public ::testing::Test {
 protected:
  // Video i: `frames` of its colour only, so that a value tells the video.
  void WriteColour(int i, int frames) {
    for (int k = 1; k <= frames; ++k) {
      const std::string name = Frame(i, k);
      WriteFile(name, "");
      cv::imwrite(name, cv::Mat(8, 8, CV_8UC3, cv::Scalar::all(10 * (i + 1))));
    }
  }

  // Videos 0 to n - 1 of 6 frames with label i, and their list.
  void WriteVideos(int n) {
    std::string list;
    for (int i = 0; i < n; ++i) {
      WriteColour(i, 6);
      list += Name(i) + " 6 " + std::to_string(i) + "\n";
    }
    WriteFile(folder_ / "list.txt", list);
  }

  static std::string Name(int i) { return "v" + std::to_string(i); }
  std::string Frame(int i, int number) const {
    return folder_ / (Name(i) + "/image_000" + std::to_string(number) + ".jpg");
  }

  std::string Video(const std::string& rest) const {
    return "modality: RGB new_length: 6 source: '" + (folder_ / "list.txt") +
           "' " + rest;
  }

  std::string ErrorOf(const std::string& video,
                      const std::string& transform = "",
                      caffe::Phase phase = TEST, int forwards = 3) const {
    return UserErrorOf([&] {
      LayerUnderTest<float> net(video, transform, phase, Seeded(1));
      for (int i = 0; i < forwards; ++i) net.Forward();
    });
  }

  static void ExpectHas(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos)
        << "\"" << text << "\" has no \"" << part << "\"";
  }

  TempFolder folder_;
};

TEST_F(VideoDataFailures, EveryKindOfBadFrameIsReplacedByTheNextClip) {
  WriteVideos(7);
  const std::string jpeg = ReadFile(Frame(1, 3));
  WriteFile(Frame(1, 3), jpeg.substr(0, jpeg.size() / 2));
  WriteFile(Frame(2, 6), "");
  WriteFile(Frame(4, 1), "not an image");
  std::filesystem::remove(Frame(6, 2));
  LayerUnderTest<float> net(Video("batch_size: 7 max_failed_share: 0.9"), "",
                            TEST, Seeded(1));
  for (int epoch = 1; epoch <= 3; ++epoch) {
    const auto batch = net.Forward();
    // 1 and 2 become 3, 4 becomes 5, 6 the epoch's first.
    EXPECT_EQ(batch.labels, (std::vector<float>{0, 3, 3, 3, 5, 5, 0}));
    const size_t sample = batch.data.size() / 7;
    for (int i = 0; i < 7; ++i) {
      const float colour = 10 * (batch.labels[i] + 1);
      for (size_t k = 0; k < sample; ++k)
        ASSERT_NEAR(batch.data[i * sample + k], colour, 1);
    }
    // 1, 2 for item 1; 2 for item 2; 4; 6.
    EXPECT_EQ(net.layer().failures().failed(), 5u * epoch);
    EXPECT_EQ(net.layer().failures().read(), 12u * epoch);
  }
}

TEST_F(VideoDataFailures, ReplacementIsTheSameForAnyThreadsAndRanks) {
  WriteVideos(9);
  for (int i : {0, 3, 4, 8}) WriteFile(Frame(i, 1 + i % 6), "broken");
  const auto labels = [this](int ranks, const std::string& threads) {
    std::vector<float> all;
    std::vector<std::unique_ptr<LayerUnderTest<float>>> nets;
    for (int rank = 0; rank < ranks; ++rank) {
      nets.push_back(std::make_unique<LayerUnderTest<float>>(
          Video("shuffle: true max_failed_share: 1 batch_size: " +
                std::to_string(4 / ranks) + " threads: " + threads),
          "", TRAIN, Seeded(5, rank, ranks)));
    }
    for (int step = 0; step < 10; ++step) {
      for (auto& net : nets) {
        const auto batch = net->Forward();
        all.insert(all.end(), batch.labels.begin(), batch.labels.end());
      }
    }
    return all;
  };
  const auto expected = labels(1, "1");
  EXPECT_EQ(expected, labels(1, "8"));
  EXPECT_EQ(expected, labels(2, "2"));
  EXPECT_EQ(expected, labels(4, "1"));
  for (float broken : {0, 3, 4, 8})
    EXPECT_EQ(std::count(expected.begin(), expected.end(), broken), 0);
}

TEST_F(VideoDataFailures, TooManyFailuresStopWithPathAndCount) {
  WriteVideos(10);
  for (int i : {5, 7}) WriteFile(Frame(i, 4), "broken");
  const std::string error =
      ErrorOf(Video("batch_size: 4 max_failed_share: .1"));
  ExpectHas(error, "layer data: 2 of 9 clips can't be read");
  ExpectHas(error, "max_failed_share 0.1");
  ExpectHas(error, "v7/image_0004.jpg: not an image");
  EXPECT_EQ(error.find('\n'), std::string::npos);
  EXPECT_EQ(ErrorOf(Video("batch_size: 4 max_failed_share: .3"), "", TEST, 9),
            "");
  ExpectHas(ErrorOf(Video("batch_size: 4 max_failed_share: 0")),
            "v5/image_0004.jpg");
}

TEST_F(VideoDataFailures, NoReadableClipAtAll) {
  WriteVideos(3);
  for (int i = 0; i < 3; ++i) WriteFile(Frame(i, 2), "broken");
  ExpectHas(ErrorOf(Video("batch_size: 1 max_failed_share: 1")),
            "none of the list's first 3 clips can be read; the last: ");
}

TEST_F(VideoDataFailures, ClipsThatGoBadLaterEndTheRun) {
  WriteVideos(3);
  LayerUnderTest<float> net(
      Video("batch_size: 3 max_failed_share: 1 prefetch: 1"), "", TEST,
      Seeded(1));
  net.Forward();
  for (int i = 0; i < 3; ++i) std::filesystem::remove_all(folder_ / Name(i));
  const std::string error = UserErrorOf([&] {
    for (int i = 0; i < 4; ++i) net.Forward();
  });
  ExpectHas(error, "3 clips in a row can't be read");
  ExpectHas(error, "No such file");
}

TEST_F(VideoDataFailures, ShortClipsInEveryMode) {
  WriteColour(0, 2);
  WriteColour(1, 6);
  WriteFile(folder_ / "list.txt", "v0 2 0\nv1 6 1\n");
  cv::imwrite(Frame(0, 2), cv::Mat(8, 8, CV_8UC3, cv::Scalar::all(200)));
  const auto first_pixels = [this](const std::string& mode) {
    LayerUnderTest<float> net(Video("batch_size: 1 " + mode), "", TEST,
                              Seeded(1));
    const auto batch = net.Forward();
    std::vector<int> pixels = {static_cast<int>(batch.labels[0])};
    for (int k = 0; k < 6; ++k) pixels.push_back(batch.data[k * 3 * 64]);
    return pixels;
  };
  EXPECT_EQ(first_pixels(""), (std::vector<int>{0, 10, 200, 10, 200, 10, 200}));
  EXPECT_EQ(first_pixels("short_clip: LOOP"), first_pixels(""));
  EXPECT_EQ(first_pixels("short_clip: PAD"),
            (std::vector<int>{0, 10, 200, 200, 200, 200, 200}));
  EXPECT_EQ(first_pixels("short_clip: SKIP"),
            (std::vector<int>{1, 20, 20, 20, 20, 20, 20}));
  const std::string error = ErrorOf(Video("batch_size: 1 short_clip: FAIL"));
  ExpectHas(error, "list.txt:1: v0 has 2 frames, 6 are needed");
  WriteFile(folder_ / "list.txt", "v0 2 0\n");
  ExpectHas(ErrorOf(Video("batch_size: 1 short_clip: SKIP")),
            "list.txt:1: v0 has 2 frames");
}

TEST_F(VideoDataFailures, LmdbGivesWhatTheFolderGives) {
  std::string list;
  for (int i = 0; i < 5; ++i) {
    WriteFlowVideo(folder_ / ("frames/" + Name(i)), 7 + i, 16, 18, i, ".jpg");
    list += Name(i) + " " + std::to_string(7 + i) + " 1\n";
  }
  WriteFile(folder_ / "frames/list.txt", list);
  WriteLmdb(folder_ / "db", folder_ / "frames");
  const std::string video =
      "batch_size: 3 new_length: 4 shuffle: true source: '" +
      (folder_ / "frames/list.txt") + "' ";
  const std::string transform =
      "crop_size: 10 multi_scale: true mirror: true mean_value: 128";
  LayerUnderTest<float> files(video, transform, TRAIN, Seeded(3));
  LayerUnderTest<float> lmdb(
      video + "store: LMDB store_path: '" + (folder_ / "db") + "'", transform,
      TRAIN, Seeded(3));
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(files.Forward() == lmdb.Forward());
  ExpectHas(UserErrorOf([&] {
              LayerUnderTest<float>(video + "store: LMDB", "", TEST, Seeded(1));
            }),
            "store_path");
}

TEST_F(VideoDataFailures, MeanFileIsSubtracted) {
  WriteRgbVideo(folder_ / "v0", 1, 9, 11, 5);
  WriteFile(folder_ / "list.txt", "v0 1 0\n");
  caffe::BlobProto mean;
  mean.set_num(1);
  mean.set_channels(3);
  mean.set_height(9);
  mean.set_width(11);
  for (int i = 0; i < 3 * 99; ++i) mean.add_data(i * 0.5f);
  caffe::WriteProtoToBinaryFile(mean, folder_ / "mean.binaryproto");
  const std::string video =
      "modality: RGB batch_size: 1 source: '" + (folder_ / "list.txt") + "'";
  LayerUnderTest<float> plain(video, "", TEST, Seeded(1));
  LayerUnderTest<float> less(
      video, "mean_file: '" + (folder_ / "mean.binaryproto") + "'", TEST,
      Seeded(1));
  const auto a = plain.Forward(), b = less.Forward();
  for (int i = 0; i < 3 * 99; ++i) ASSERT_EQ(b.data[i], a.data[i] - i * 0.5f);
  ExpectHas(ErrorOf(video, "mean_file: '" + (folder_ / "none") + "'"),
            "none: cannot read the mean");
  mean.add_data(1);
  caffe::WriteProtoToBinaryFile(mean, folder_ / "bad.binaryproto");
  ExpectHas(
      ErrorOf(video, "mean_file: '" + (folder_ / "bad.binaryproto") + "'"),
      "don't agree");
}

TEST_F(VideoDataFailures, FramesOfOtherSizes) {
  WriteVideos(2);
  cv::imwrite(Frame(1, 4), cv::Mat(8, 9, CV_8UC3, cv::Scalar::all(0)));
  ExpectHas(ErrorOf(Video("batch_size: 2 max_failed_share: 0")),
            "v1/image_0004.jpg: not the size of the clip's other frames");
  for (int k = 1; k <= 6; ++k)
    cv::imwrite(Frame(1, k), cv::Mat(8, 9, CV_8UC3, cv::Scalar::all(0)));
  ExpectHas(ErrorOf(Video("batch_size: 2")),
            "v1: its frames are not the size of the first video's");
  EXPECT_EQ(ErrorOf(Video("batch_size: 2"), "crop_size: 8"), "");
  EXPECT_EQ(ErrorOf(Video("batch_size: 2 new_height: 8 new_width: 8")), "");
  ExpectHas(ErrorOf(Video("batch_size: 2"), "crop_size: 9"),
            "a frame of 8 x 8 is smaller than crop_size 9");
}

TEST_F(VideoDataFailures, BadSettingsAreNamed) {
  WriteVideos(1);
  const std::pair<const char*, const char*> cases[] = {
      {"", "batch_size"},
      {"batch_size: 1 num_segments: 0", "num_segments"},
      {"batch_size: 1 new_height: 10", "new_height and new_width"},
      {"batch_size: 1 prefetch: 0", "prefetch"},
      {"batch_size: 1 max_failed_share: 1.5", "max_failed_share"},
      {"batch_size: 1 name_pattern: '%s'", "name_pattern"},
      {"batch_size: 1 root_folder: '/nowhere'", "/nowhere"},
  };
  for (const auto& c : cases) {
    const std::string error = ErrorOf(Video(c.first));
    ExpectHas(error, "layer data: ");
    ExpectHas(error, c.second);
  }
  ExpectHas(ErrorOf(Video("batch_size: 1"), "is_flow: true"), "is_flow");
  ExpectHas(ErrorOf("batch_size: 1"), "no source");
  ExpectHas(ErrorOf("batch_size: 1 source: '/no/list.txt'"),
            "/no/list.txt: cannot open");
}

TEST_F(VideoDataFailures, FlowIsNegatedUnlessTheFileSaysNot) {
  WriteFlowVideo(folder_ / "v0", 1, 6, 6, 1);
  WriteFile(folder_ / "list.txt", "v0 1 0\n");
  const std::string video =
      "batch_size: 64 source: '" + (folder_ / "list.txt") + "'";
  LayerUnderTest<float> plain(video, "", TRAIN, Seeded(2));
  LayerUnderTest<float> negated(video, "mirror: true", TRAIN, Seeded(2));
  LayerUnderTest<float> kept(video, "mirror: true is_flow: false", TRAIN,
                             Seeded(2));
  const auto a = plain.Forward(), b = negated.Forward(), c = kept.Forward();
  int mirrored = 0;
  for (int item = 0; item < 64; ++item) {
    const float* from = &a.data[item * 72];
    bool is_mirrored = false;
    for (int i = 0; i < 72; ++i)
      is_mirrored |= c.data[item * 72 + i] != from[i];
    mirrored += is_mirrored;
    for (int i = 0; i < 72; ++i) {
      const float pixel = is_mirrored ? from[i / 6 * 6 + 5 - i % 6] : from[i];
      ASSERT_EQ(c.data[item * 72 + i], pixel);
      ASSERT_EQ(b.data[item * 72 + i],
                is_mirrored && i < 36 ? 255 - pixel : pixel);
    }
  }
  EXPECT_GT(mirrored, 16);
  EXPECT_LT(mirrored, 48);
}

}  // namespace
}  // namespace two_stream
