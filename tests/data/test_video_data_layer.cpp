#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <set>

#include "tests/data/layer_fixture.hpp"

namespace two_stream {
namespace {

using caffe::TEST;
using caffe::TRAIN;
using testing::LayerUnderTest;
using testing::Seeded;
using testing::TempFolder;
using testing::WriteFile;
using testing::WriteFlowVideo;
using testing::WriteRgbVideo;

std::string Quote(const std::string& text) { return "'" + text + "' "; }

// Videos "v0", "v1", ... of 6 + i frames with label i, RGB and flow, and the
// lists rgb.txt and flow.txt beside them.
class VideoDataLayerTest : public ::testing::Test {
 protected:
  static constexpr int kVideos = 11;
  static constexpr int kHeight = 20;
  static constexpr int kWidth = 24;

  static void SetUpTestSuite() {
    folder_ = new TempFolder;
    std::string rgb, flow;
    for (int i = 0; i < kVideos; ++i) {
      const std::string name = "v" + std::to_string(i);
      WriteRgbVideo(*folder_ / name, 6 + i, kHeight, kWidth, i + 1);
      WriteFlowVideo(*folder_ / name, 5 + i, kHeight, kWidth, i + 1);
      const std::string label = std::to_string(i) + "\n";
      rgb += name + " " + std::to_string(6 + i) + " " + label;
      flow += name + " " + std::to_string(5 + i) + " " + label;
    }
    WriteFile(*folder_ / "rgb.txt", rgb);
    WriteFile(*folder_ / "flow.txt", flow);
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }

  static std::string Rgb(const std::string& rest) {
    return "modality: RGB source: " + Quote(*folder_ / "rgb.txt") + rest;
  }
  static std::string Flow(const std::string& rest) {
    return "source: " + Quote(*folder_ / "flow.txt") + rest;
  }
  static cv::Mat Frame(int video, const std::string& file) {
    return cv::imread(*folder_ / ("v" + std::to_string(video) + "/" + file),
                      cv::IMREAD_UNCHANGED);
  }

  static TempFolder* folder_;
};
TempFolder* VideoDataLayerTest::folder_ = nullptr;

const char kAugmented[] =
    "crop_size: 12 mirror: true multi_scale: true fix_crop: true "
    "more_fix_crop: true mean_value: 100 mean_value: 120 scale: 0.5";

TEST_F(VideoDataLayerTest, RgbTestPhaseIsTheCentreOfEachSegment) {
  LayerUnderTest<float> net(Rgb("batch_size: 4 new_length: 2 num_segments: 2"),
                            "crop_size: 10 mean_value: 1 mean_value: 2 "
                            "mean_value: 3 scale: 0.25 mirror: true",
                            TEST, Seeded(1));
  ASSERT_EQ(net.data().shape(), (std::vector<int>{4, 12, 10, 10}));
  ASSERT_EQ(net.label().shape(), (std::vector<int>{4}));
  for (int batch = 0; batch < 4; ++batch) {
    const auto got = net.Forward();
    size_t at = 0;
    for (int item = 0; item < 4; ++item) {
      const int video = (batch * 4 + item) % kVideos;
      ASSERT_EQ(got.labels[item], video);
      const int d = (6 + video) / 2;
      for (int segment = 0; segment < 2; ++segment) {
        for (int k = 0; k < 2; ++k) {
          const int number = segment * d + (d - 2 + 1) / 2 + k + 1;
          char name[32];
          snprintf(name, sizeof(name), "image_%04d.png", number);
          const cv::Mat frame = Frame(video, name);
          for (int c = 0; c < 3; ++c) {
            for (int y = 0; y < 10; ++y) {
              for (int x = 0; x < 10; ++x) {
                const int pixel = frame.at<cv::Vec3b>(5 + y, 7 + x)[c];
                ASSERT_EQ(got.data[at++], (pixel - (c + 1)) * 0.25f);
              }
            }
          }
        }
      }
    }
  }
}

TEST_F(VideoDataLayerTest, FlowStacksXAndYAlternately) {
  LayerUnderTest<double> net(Flow("batch_size: 2 new_length: 3"), "", TEST,
                             Seeded(1));
  ASSERT_EQ(net.data().shape(), (std::vector<int>{2, 6, kHeight, kWidth}));
  const auto got = net.Forward();
  size_t at = 0;
  for (int video = 0; video < 2; ++video) {
    const int d = 5 + video;
    for (int k = 0; k < 3; ++k) {
      for (char component : {'x', 'y'}) {
        char name[32];
        snprintf(name, sizeof(name), "flow_%c_%04d.png", component,
                 (d - 3 + 1) / 2 + k + 1);
        const cv::Mat field = Frame(video, name);
        ASSERT_EQ(field.channels(), 1);
        for (int y = 0; y < kHeight; ++y) {
          for (int x = 0; x < kWidth; ++x)
            ASSERT_EQ(got.data[at++], field.at<uint8_t>(y, x));
        }
      }
    }
  }
}

TEST_F(VideoDataLayerTest, SameBatchesFromAnyNumberOfThreads) {
  const auto run = [](const std::string& threads) {
    LayerUnderTest<float> net(
        Flow("batch_size: 7 new_length: 3 shuffle: true rand_skip: 30 "
             "threads: " +
             threads),
        kAugmented, TRAIN, Seeded(99));
    std::vector<LayerUnderTest<float>::Batch> batches;
    for (int i = 0; i < 12; ++i) batches.push_back(net.Forward());
    return batches;
  };
  const auto one = run("1");
  EXPECT_EQ(one, run("8"));
  EXPECT_EQ(one, run("3"));
  EXPECT_FALSE(one[0] == one[1]);
}

// The ranks of a host have a share of its cores each.
TEST_F(VideoDataLayerTest, CoresOfTheRankSetTheThreadsNotTheBatches) {
  const auto threads = [](const std::string& field, int cores) {
    caffe::LayerParameter layer;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
        Flow("batch_size: 7 new_length: 3 " + field),
        layer.mutable_video_data_param()));
    return MakeVideoDataSettings(layer, TRAIN, cores).threads;
  };
  EXPECT_EQ(1, threads("", 1));
  EXPECT_EQ(5, threads("", 5));
  EXPECT_EQ(7, threads("prefetch: 1", 64));  // no more than samples
  EXPECT_EQ(3, threads("threads: 3", 1));    // the user knows better

  const auto run = [](int cores) {
    RunContext context = Seeded(99);
    context.cores = cores;
    LayerUnderTest<float> net(Flow("batch_size: 7 new_length: 3 shuffle: true"),
                              kAugmented, TRAIN, context);
    std::vector<LayerUnderTest<float>::Batch> batches;
    for (int i = 0; i < 6; ++i) batches.push_back(net.Forward());
    return batches;
  };
  EXPECT_EQ(run(1), run(5));
}

TEST_F(VideoDataLayerTest, RanksTogetherReadWhatOneRankReads) {
  const std::string rest = "new_length: 3 shuffle: true rand_skip: 9 ";
  LayerUnderTest<float> whole(Flow(rest + "batch_size: 8"), kAugmented, TRAIN,
                              Seeded(7));
  std::vector<LayerUnderTest<float>::Batch> expected;
  for (int i = 0; i < 6; ++i) expected.push_back(whole.Forward());
  for (int world : {2, 4}) {
    std::vector<std::unique_ptr<LayerUnderTest<float>>> ranks;
    for (int rank = 0; rank < world; ++rank) {
      ranks.push_back(std::make_unique<LayerUnderTest<float>>(
          Flow(rest + "batch_size: " + std::to_string(8 / world)), kAugmented,
          TRAIN, Seeded(7, rank, world)));
    }
    for (int i = 0; i < 6; ++i) {
      LayerUnderTest<float>::Batch joined;
      for (auto& rank : ranks) {
        const auto part = rank->Forward();
        joined.data.insert(joined.data.end(), part.data.begin(),
                           part.data.end());
        joined.labels.insert(joined.labels.end(), part.labels.begin(),
                             part.labels.end());
      }
      ASSERT_TRUE(joined == expected[i]) << world << " ranks, step " << i;
      EXPECT_EQ(ranks[0]->layer().data_cursor(),
                ranks.back()->layer().data_cursor());
    }
  }
}

TEST_F(VideoDataLayerTest, EveryEpochIsANewPermutation) {
  LayerUnderTest<float> net(Rgb("batch_size: 1 shuffle: true"), "", TRAIN,
                            Seeded(3));
  std::set<std::vector<float>> orders;
  for (int epoch = 0; epoch < 5; ++epoch) {
    std::vector<float> order;
    for (int i = 0; i < kVideos; ++i) order.push_back(net.Forward().labels[0]);
    orders.insert(order);
    std::sort(order.begin(), order.end());
    for (int i = 0; i < kVideos; ++i) ASSERT_EQ(order[i], i);
  }
  EXPECT_EQ(orders.size(), 5u);
}

// 11 videos, 3 ranks of 2: epochs end in the middle of a global batch.
TEST_F(VideoDataLayerTest, RanksShareEveryEpochWithoutOverlap) {
  std::vector<std::unique_ptr<LayerUnderTest<float>>> ranks;
  for (int rank = 0; rank < 3; ++rank) {
    ranks.push_back(std::make_unique<LayerUnderTest<float>>(
        Rgb("batch_size: 2 shuffle: true"), "", TRAIN, Seeded(13, rank, 3)));
  }
  std::vector<float> seen;
  for (int step = 0; step < 11; ++step) {
    for (auto& rank : ranks) {
      const auto batch = rank->Forward();
      seen.insert(seen.end(), batch.labels.begin(), batch.labels.end());
    }
  }
  ASSERT_EQ(seen.size(), 6u * kVideos);
  for (int epoch = 0; epoch < 6; ++epoch) {
    const auto begin = seen.begin() + epoch * kVideos;
    EXPECT_EQ(std::set<float>(begin, begin + kVideos).size(), kVideos);
  }
}

TEST_F(VideoDataLayerTest, WholeFramesAreCutToTheStride) {
  LayerUnderTest<float> net(Rgb("batch_size: 1"),
                            "original_image: true stride: 8 upper_size: 17",
                            TEST, Seeded(1));
  ASSERT_EQ(net.data().shape(), (std::vector<int>{1, 3, 16, 16}));
  const cv::Mat frame = Frame(0, "image_0004.png");
  EXPECT_EQ(net.Forward().data[0], frame.at<cv::Vec3b>(2, 4)[0]);
}

TEST_F(VideoDataLayerTest, TestPhaseIgnoresSeedAndDraws) {
  const std::string rest =
      "batch_size: 5 shuffle: true rand_skip: 9 new_length: 2";
  LayerUnderTest<float> a(Flow(rest), kAugmented, TEST, Seeded(1));
  LayerUnderTest<float> b(Flow(rest), kAugmented, TEST, Seeded(2));
  for (int i = 0; i < 4; ++i) {
    const auto batch = a.Forward();
    EXPECT_TRUE(batch == b.Forward());
    for (int item = 0; item < 5; ++item)
      EXPECT_EQ(batch.labels[item], (i * 5 + item) % kVideos);
  }
}

TEST_F(VideoDataLayerTest, TestNetsAreShardedOnlyOnRequest) {
  RunContext context = Seeded(1, 1, 2);
  LayerUnderTest<float> all(Rgb("batch_size: 3"), "", TEST, context);
  EXPECT_EQ(all.Forward().labels, (std::vector<float>{0, 1, 2}));
  context.shard_test_nets = true;
  LayerUnderTest<float> share(Rgb("batch_size: 3"), "", TEST, context);
  EXPECT_EQ(share.Forward().labels, (std::vector<float>{3, 4, 5}));
  EXPECT_EQ(share.Forward().labels, (std::vector<float>{9, 10, 0}));
}

TEST_F(VideoDataLayerTest, CursorGoesOnWhereAnotherRunStopped) {
  const std::string video = Flow("batch_size: 4 new_length: 3 shuffle: true");
  LayerUnderTest<float> straight(video, kAugmented, TRAIN, Seeded(11));
  for (int i = 0; i < 5; ++i) straight.Forward();
  EXPECT_EQ(straight.layer().data_cursor(), 20u);
  LayerUnderTest<float> resumed(video, kAugmented, TRAIN, Seeded(11));
  resumed.Forward();
  resumed.layer().set_data_cursor(20);
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(straight.Forward() == resumed.Forward());
  EXPECT_EQ(straight.layer().data_cursor(), resumed.layer().data_cursor());
}

TEST_F(VideoDataLayerTest, RandSkipBeginsLaterInTheSameOrder) {
  LayerUnderTest<float> plain(Rgb("batch_size: 1 shuffle: true"), "", TRAIN,
                              Seeded(21));
  LayerUnderTest<float> skipped(
      Rgb("batch_size: 1 shuffle: true rand_skip: 10"), "", TRAIN, Seeded(21));
  const uint64_t skip = skipped.layer().data_cursor();
  EXPECT_GT(skip, 0u);  // of this seed
  EXPECT_LT(skip, 10u);
  for (uint64_t i = 0; i < skip; ++i) plain.Forward();
  for (int i = 0; i < 15; ++i)
    ASSERT_TRUE(plain.Forward() == skipped.Forward());
}

TEST_F(VideoDataLayerTest, WithoutARunnerCaffesSeedDecides) {
  const auto run = [](unsigned seed) {
    RunContext::Current().reset();
    caffe::Caffe::set_random_seed(seed);
    caffe::LayerParameter param;
    param.set_type("VideoData");
    param.set_phase(TRAIN);
    param.mutable_video_data_param()->set_source(*folder_ / "flow.txt");
    param.mutable_video_data_param()->set_batch_size(9);
    param.mutable_video_data_param()->set_shuffle(true);
    caffe::Blob<float> data;
    std::vector<caffe::Blob<float>*> bottoms, tops = {&data};
    VideoDataLayer<float> layer(param);
    layer.SetUp(bottoms, tops);
    layer.Forward(bottoms, tops);
    return std::vector<float>(data.cpu_data(), data.cpu_data() + data.count());
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5), run(6));
}

TEST_F(VideoDataLayerTest, DestroyedWhileReading) {
  for (int forwards : {0, 1, 2}) {
    LayerUnderTest<float> net(
        Flow("batch_size: 16 prefetch: 8 threads: 8 shuffle: true"), kAugmented,
        TRAIN, Seeded(1));
    for (int i = 0; i < forwards; ++i) net.Forward();
  }
}

TEST_F(VideoDataLayerTest, FramesAreResizedFirst) {
  LayerUnderTest<float> net(
      Rgb("batch_size: 1 new_height: 30 new_width: 31 grayscale: true"), "",
      TEST, Seeded(1));
  ASSERT_EQ(net.data().shape(), (std::vector<int>{1, 1, 30, 31}));
  const auto got = net.Forward();
  const cv::Mat grey =
      cv::imread(*folder_ / "v0/image_0004.png", cv::IMREAD_GRAYSCALE);
  cv::Mat expected;
  cv::resize(grey, expected, cv::Size(31, 30));
  for (int y = 0; y < 30; ++y) {
    for (int x = 0; x < 31; ++x)
      ASSERT_EQ(got.data[y * 31 + x], expected.at<uint8_t>(y, x));
  }
}

TEST_F(VideoDataLayerTest, DeprecatedFieldsCount) {
  LayerUnderTest<float> old(Rgb("batch_size: 2 crop_size: 10 scale: 0.5"), "",
                            TEST, Seeded(1));
  LayerUnderTest<float> now(Rgb("batch_size: 2"), "crop_size: 10 scale: 0.5",
                            TEST, Seeded(1));
  EXPECT_TRUE(old.Forward() == now.Forward());
  LayerUnderTest<float> both(Rgb("batch_size: 2 crop_size: 10"), "crop_size: 8",
                             TEST, Seeded(1));
  EXPECT_EQ(both.data().height(), 8);
}

}  // namespace
}  // namespace two_stream
