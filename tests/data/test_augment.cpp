#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

#include "caffe_ext/data/augment.hpp"
#include "tests/data/fixtures.hpp"

namespace two_stream {
namespace {

using testing::RandomImage;
using testing::UserErrorOf;

RandomStream CropStream(uint64_t i) {
  return RandomStream(1, RandomPurpose::kDataCrop, 0, 0, i);
}
RandomStream MirrorStream(uint64_t i) {
  return RandomStream(1, RandomPurpose::kDataMirror, 0, 0, i);
}

// Slow and plain: a value of the result straight from its definition.
class Reference {
 public:
  Reference(const AugmentSettings& settings, uint64_t sample)
      : s_(settings),
        crop_(CropStream(sample)),
        mirror_(MirrorStream(sample)) {}

  void Draw(int height, int width) {
    frame_h_ = height;
    frame_w_ = width;
    out_h_ = crop_h_ = s_.crop_size ? s_.crop_size : height;
    out_w_ = crop_w_ = s_.crop_size ? s_.crop_size : width;
    if (!s_.train) {
      y_ = (height - crop_h_) / 2;
      x_ = (width - crop_w_) / 2;
      return;
    }
    if (s_.multi_scale) {
      std::vector<int> sides;
      for (float ratio : s_.scale_ratios) {
        const int side = static_cast<int>(std::min(height, width) * ratio);
        sides.push_back(std::abs(side - s_.crop_size) < 3 ? s_.crop_size
                                                          : side);
      }
      std::vector<std::pair<int, int>> pairs;
      const int n = sides.size();
      for (int i = 0; i < n * n; ++i) {
        if (std::abs(i / n - i % n) <= s_.max_distort)
          pairs.emplace_back(sides[i / n], sides[i % n]);
      }
      std::tie(crop_h_, crop_w_) = pairs[crop_.UniformInt(pairs.size())];
    }
    if (s_.fix_crop) {
      // x and y in quarters of the free space.
      const int grid[13][2] = {{0, 0}, {4, 0}, {0, 4}, {4, 4}, {2, 2},
                               {2, 0}, {2, 4}, {0, 2}, {4, 2}, {1, 1},
                               {3, 1}, {1, 3}, {3, 3}};
      const int* at = grid[crop_.UniformInt(s_.more_fix_crop ? 13 : 5)];
      x_ = at[0] * ((width - crop_w_) / 4);
      y_ = at[1] * ((height - crop_h_) / 4);
    } else {
      y_ = crop_.UniformInt(height - crop_h_ + 1);
      x_ = crop_.UniformInt(width - crop_w_ + 1);
    }
    mirrored_ = s_.mirror && mirror_.UniformInt(2) == 1;
  }

  bool resized() const { return crop_h_ != out_h_ || crop_w_ != out_w_; }
  int out_h() const { return out_h_; }
  int out_w() const { return out_w_; }
  bool mirrored() const { return mirrored_; }

  double Value(const cv::Mat& image, int c, int channel, int y, int x) const {
    const int from_x = mirrored_ ? out_w_ - 1 - x : x;
    double pixel = Bilinear(y, from_x, [&](int py, int px) {
      return image.ptr<uint8_t>(py)[px * image.channels() + c];
    });
    if (s_.is_flow && mirrored_ && channel % 2 == 0) pixel = 255 - pixel;
    double mean = 0;
    if (!s_.mean_values.empty()) {
      mean = s_.mean_values[channel % s_.mean_values.size()];
    } else if (s_.mean_image.channels) {
      const MeanImage& m = s_.mean_image;
      const auto at = [&](int py, int px) {
        return m.planes[(channel % m.channels * m.height + py) * m.width + px];
      };
      const bool whole = m.height == frame_h_ && m.width == frame_w_;
      mean = whole ? Bilinear(y, from_x, at) : at(y, from_x);
    }
    return (pixel - mean) * s_.scale;
  }

 private:
  template <typename Get>
  double Bilinear(int y, int x, Get get) const {
    const auto source = [](int to, int crop, int out) {
      const double at = (to + 0.5) * crop / out - 0.5;
      return std::max(0., std::min(at, crop - 1.));
    };
    const double sy = source(y, crop_h_, out_h_);
    const double sx = source(x, crop_w_, out_w_);
    const int y0 = std::floor(sy), x0 = std::floor(sx);
    const int y1 = std::min(y0 + 1, crop_h_ - 1);
    const int x1 = std::min(x0 + 1, crop_w_ - 1);
    const double fy = sy - y0, fx = sx - x0;
    return (1 - fy) *
               ((1 - fx) * get(y_ + y0, x_ + x0) + fx * get(y_ + y0, x_ + x1)) +
           fy * ((1 - fx) * get(y_ + y1, x_ + x0) + fx * get(y_ + y1, x_ + x1));
  }

  AugmentSettings s_;
  RandomStream crop_, mirror_;
  int frame_h_ = 0, frame_w_ = 0, crop_h_ = 0, crop_w_ = 0, out_h_ = 0,
      out_w_ = 0, y_ = 0, x_ = 0;
  bool mirrored_ = false;
};

struct Case {
  AugmentSettings settings;
  std::vector<cv::Mat> frames;
  int channels = 0;
};

Case RandomCase(std::mt19937* random) {
  const auto draw = [random](int n) {
    return static_cast<int>((*random)() % n);
  };
  Case c;
  AugmentSettings& s = c.settings;
  const int height = 12 + draw(30), width = 12 + draw(30);
  s.train = draw(4) > 0;
  s.crop_size = draw(5) ? 5 + draw(8) : 0;
  s.mirror = draw(2);
  if (s.crop_size) {
    s.fix_crop = draw(2);
    s.more_fix_crop = draw(2);
    s.multi_scale = draw(2);
  }
  if (draw(2)) s.scale_ratios = {1.f, .8f, .6f, .5f, .3f};
  s.max_distort = draw(4);
  s.scale = draw(2) ? 1.f : 0.0078125f;
  const bool flow = draw(2);
  const int images = flow ? 2 * (1 + draw(3)) : 1 + draw(3);
  const int each = flow ? 1 : draw(2) ? 3 : 1;
  c.channels = images * each;
  s.is_flow = flow && draw(4) > 0;
  const int group = flow ? 2 : each;
  switch (draw(4)) {
    case 0:
      s.mean_values = {128};
      break;
    case 1:
      for (int i = 0; i < group; ++i) s.mean_values.push_back(100.5f + i);
      break;
    case 2: {
      MeanImage& mean = s.mean_image;
      mean = {draw(2) ? group : c.channels, height, width, {}};
      if (s.crop_size && draw(2)) mean.height = mean.width = s.crop_size;
      for (int i = 0; i < mean.channels * mean.height * mean.width; ++i)
        mean.planes.push_back(draw(256));
      break;
    }
  }
  for (int i = 0; i < images; ++i)
    c.frames.push_back(RandomImage(height, width, each, (*random)()));
  return c;
}

template <typename Dtype>
std::vector<Dtype> Augmented(const Case& c, uint64_t sample, CropPlan* plan) {
  const Augment augment(c.settings, c.channels);
  RandomStream crop = CropStream(sample), mirror = MirrorStream(sample);
  *plan = augment.Draw(c.frames[0].size(), &crop, &mirror);
  std::vector<Dtype> out(size_t{1} * c.channels * plan->out.area());
  int channel = 0;
  for (const cv::Mat& frame : c.frames) {
    augment.Apply(frame, *plan, channel, out.data());
    channel += frame.channels();
  }
  return out;
}

TEST(Augment, EqualsTheReferenceForRandomSettings) {
  std::mt19937 random(7);
  int mirrored = 0, resized = 0;
  for (int round = 0; round < 1500; ++round) {
    const Case c = RandomCase(&random);
    Reference reference(c.settings, round);
    reference.Draw(c.frames[0].rows, c.frames[0].cols);
    CropPlan plan;
    const std::vector<double> got = Augmented<double>(c, round, &plan);
    ASSERT_EQ(plan.out, cv::Size(reference.out_w(), reference.out_h()));
    ASSERT_EQ(plan.mirror, reference.mirrored());
    mirrored += plan.mirror;
    resized += reference.resized();
    // Exact without a resize; OpenCV's 8-bit resize is up to a level off.
    const double tolerance =
        reference.resized() ? 1.001 * c.settings.scale : 1e-6;
    double difference = 0;
    size_t at = 0;
    int channel = 0;
    for (const cv::Mat& frame : c.frames) {
      for (int k = 0; k < frame.channels(); ++k, ++channel) {
        for (int y = 0; y < reference.out_h(); ++y) {
          for (int x = 0; x < reference.out_w(); ++x) {
            const double expected = reference.Value(frame, k, channel, y, x);
            ASSERT_NEAR(got[at], expected, tolerance) << "round " << round;
            difference += std::abs(got[at++] - expected);
          }
        }
      }
    }
    // Rounding to whole levels costs a quarter of one on average.
    ASSERT_LT(difference / at, 0.35 * c.settings.scale) << "round " << round;
  }
  EXPECT_GT(mirrored, 100);
  EXPECT_GT(resized, 100);
}

TEST(Augment, FloatIsDoubleRounded) {
  std::mt19937 random(8);
  for (int round = 0; round < 50; ++round) {
    const Case c = RandomCase(&random);
    CropPlan plan;
    const std::vector<float> f = Augmented<float>(c, round, &plan);
    const std::vector<double> d = Augmented<double>(c, round, &plan);
    for (size_t i = 0; i < f.size(); ++i) ASSERT_NEAR(f[i], d[i], 1e-4);
  }
}

TEST(Augment, MirroringFlowTwiceIsTheIdentity) {
  AugmentSettings settings;
  settings.train = settings.mirror = settings.is_flow = true;
  const Augment augment(settings, 4);
  CropPlan plan;
  plan.crop = cv::Rect(0, 0, 9, 7);
  plan.out = cv::Size(9, 7);
  plan.mirror = true;
  for (int channel = 0; channel < 4; ++channel) {
    const cv::Mat image = RandomImage(7, 9, 1, channel);
    std::vector<float> once(4 * 63), twice(4 * 63);
    augment.Apply(image, plan, channel, once.data());
    cv::Mat mirrored(7, 9, CV_8UC1);
    std::copy_n(&once[channel * 63], 63, mirrored.ptr<uint8_t>());
    EXPECT_NE(cv::norm(image, mirrored, cv::NORM_L1), 0);
    augment.Apply(mirrored, plan, channel, twice.data());
    for (int i = 0; i < 63; ++i)
      EXPECT_EQ(twice[channel * 63 + i], image.ptr<uint8_t>()[i]);
  }
}

TEST(Augment, MirrorNegatesXAndLeavesY) {
  AugmentSettings settings;
  settings.train = settings.mirror = settings.is_flow = true;
  const Augment augment(settings, 2);
  CropPlan plan;
  plan.crop = cv::Rect(0, 0, 2, 1);
  plan.out = cv::Size(2, 1);
  plan.mirror = true;
  const cv::Mat image = (cv::Mat_<uint8_t>(1, 2) << 10, 200);
  float out[4];
  augment.Apply(image, plan, 0, out);
  augment.Apply(image, plan, 1, out);
  EXPECT_EQ(std::vector<float>(out, out + 4),
            (std::vector<float>{55, 245, 200, 10}));
}

TEST(Augment, TestPhaseDrawsNothing) {
  AugmentSettings settings;
  settings.crop_size = 8;
  settings.mirror = settings.multi_scale = settings.fix_crop = true;
  const Augment augment(settings, 3);
  for (int i = 0; i < 20; ++i) {
    const CropPlan plan = augment.Draw({20, 15}, nullptr, nullptr);
    EXPECT_EQ(plan.crop, cv::Rect(6, 3, 8, 8));
    EXPECT_FALSE(plan.mirror);
  }
}

TEST(Augment, EveryPositionAndSizeIsDrawn) {
  AugmentSettings settings;
  settings.train = settings.mirror = settings.multi_scale = true;
  settings.fix_crop = settings.more_fix_crop = true;
  settings.crop_size = 22;
  const Augment augment(settings, 3);
  std::set<std::pair<int, int>> sizes, corners_of_smallest;
  int mirrored = 0;
  for (int i = 0; i < 4000; ++i) {
    RandomStream crop = CropStream(i), mirror = MirrorStream(i);
    const CropPlan plan = augment.Draw({60, 40}, &crop, &mirror);
    sizes.insert({plan.crop.height, plan.crop.width});
    if (plan.crop.size() == cv::Size(26, 26))
      corners_of_smallest.insert({plan.crop.x, plan.crop.y});
    mirrored += plan.mirror;
  }
  EXPECT_EQ(sizes.size(), 10u);
  EXPECT_EQ(corners_of_smallest.size(), 13u);
  EXPECT_NEAR(mirrored, 2000, 5 * std::sqrt(1000.));
}

TEST(Augment, OriginalImageIsCutToTheStrideAndTheUpperBound) {
  AugmentSettings settings;
  settings.original_image = true;
  settings.stride = 16;
  settings.upper_width = 100;
  const Augment augment(settings, 3);
  EXPECT_EQ(augment.OutputSize({340, 256}), cv::Size(96, 256));
  EXPECT_EQ(augment.OutputSize({90, 31}), cv::Size(80, 16));
  EXPECT_EQ(augment.Draw({340, 256}, nullptr, nullptr).crop,
            cv::Rect(122, 0, 96, 256));
  EXPECT_NE(UserErrorOf([&] { augment.OutputSize({340, 15}); }), "");
  settings.train = true;
  const Augment train(settings, 3);
  std::set<int> lefts;
  for (int i = 0; i < 500; ++i) {
    RandomStream crop = CropStream(i), mirror = MirrorStream(i);
    const CropPlan plan = train.Draw({100, 16}, &crop, &mirror);
    EXPECT_EQ(plan.crop.size(), cv::Size(96, 16));
    lefts.insert(plan.crop.x);
  }
  EXPECT_EQ(lefts, (std::set<int>{0, 1, 2, 3, 4}));
}

TEST(Augment, FrameSmallerThanTheCrop) {
  AugmentSettings settings;
  settings.crop_size = 224;
  const Augment augment(settings, 3);
  const std::string error = UserErrorOf([&] {
    augment.Draw({320, 200}, nullptr, nullptr);
  });
  EXPECT_NE(error.find("320 x 200"), std::string::npos) << error;
  EXPECT_NE(error.find("crop_size 224"), std::string::npos) << error;
}

TEST(Augment, MeanImageOfAnotherSize) {
  AugmentSettings settings;
  settings.mean_image = {1, 3, 3, std::vector<float>(9)};
  const Augment augment(settings, 1);
  const CropPlan plan = augment.Draw({4, 4}, nullptr, nullptr);
  float out[16];
  EXPECT_NE(UserErrorOf([&] {
              augment.Apply(RandomImage(4, 4, 1, 1), plan, 0, out);
            }).find("mean_file is 3 x 3, neither the frames' 4 x 4 nor"),
            std::string::npos);
}

TEST(Augment, BadSettingsAreNamed) {
  const auto error = [](auto change, int channels) {
    AugmentSettings settings;
    settings.crop_size = 8;
    change(&settings);
    return UserErrorOf([&] { Augment(settings, channels); });
  };
  using S = AugmentSettings;
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_EQ(error([](S*) {}, 3), "");
  EXPECT_TRUE(has(error([](S* s) { s->mean_values = {1, 2}; }, 3), "2 means"));
  EXPECT_TRUE(has(error([](S* s) { s->scale_ratios = {1.5f}; }, 3), "ratio"));
  EXPECT_TRUE(has(error([](S* s) { s->scale_ratios = {0}; }, 3), "ratio"));
  EXPECT_TRUE(has(error([](S* s) { s->scale_ratios = {}; }, 3), "ratios"));
  EXPECT_TRUE(has(error([](S* s) { s->max_distort = -1; }, 3), "max_distort"));
  EXPECT_TRUE(has(error([](S* s) { s->is_flow = true; }, 3), "is_flow"));
  EXPECT_TRUE(has(error([](S* s) { s->stride = 2; }, 3), "stride"));
  EXPECT_TRUE(has(error([](S* s) { s->upper_width = 2; }, 3), "upper_"));
  EXPECT_TRUE(
      has(error([](S* s) { s->original_image = true; }, 3), "original_image"));
  EXPECT_TRUE(has(error(
                      [](S* s) {
                        s->crop_size = 0;
                        s->multi_scale = true;
                      },
                      3),
                  "crop_size"));
  EXPECT_TRUE(has(error(
                      [](S* s) {
                        s->mean_values = {1};
                        s->mean_image = {1, 1, 1, {0}};
                      },
                      3),
                  "not both"));
}

}  // namespace
}  // namespace two_stream
