#include "caffe_ext/data/augment.hpp"

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <string>

#include "caffe_ext/common/error.hpp"
#include "caffe_ext/data/crop_geometry.hpp"

namespace two_stream {
namespace {

void Require(bool condition, const std::string& message) {
  if (!condition) throw UserError("transform_param: " + message);
}

std::string Text(const cv::Size& size) {
  return std::to_string(size.width) + " x " + std::to_string(size.height);
}

cv::Mat CropAndResize(const cv::Mat& image, const CropPlan& plan) {
  const cv::Mat crop = image(plan.crop);
  if (plan.crop.size() == plan.out) return crop;
  cv::Mat resized;
  cv::resize(crop, resized, plan.out, 0, 0, cv::INTER_LINEAR);
  return resized;
}

// One row of one channel: to[i] of from[i * step], mirrored on request.
template <typename Dtype, typename Mean>
void WriteRow(const uint8_t* from, int step, int width, bool negate,
              bool mirror, Mean mean, Dtype scale, Dtype* to) {
  for (int x = 0; x < width; ++x) {
    const uint8_t pixel = negate ? 255 - from[x * step] : from[x * step];
    to[mirror ? width - 1 - x : x] =
        (static_cast<Dtype>(pixel) - static_cast<Dtype>(mean(x))) * scale;
  }
}

}  // namespace

Augment::Augment(const AugmentSettings& settings, int channels)
    : settings_(settings) {
  CheckSettings(channels);
}

void Augment::CheckSettings(int channels) const {
  const AugmentSettings& s = settings_;
  Require(s.crop_size > 0 || (!s.multi_scale && !s.fix_crop),
          "multi_scale and fix_crop need a crop_size");
  Require(!s.original_image || s.crop_size == 0,
          "original_image keeps the whole frame: remove it or crop_size");
  Require(s.stride > 0, "stride must be positive");
  Require(s.original_image ||
              (s.stride == 1 && s.upper_height == 0 && s.upper_width == 0),
          "stride and upper_... are for original_image: true");
  Require(s.upper_height >= 0 && s.upper_width >= 0,
          "upper_... must not be negative");
  Require(s.max_distort >= 0, "max_distort must not be negative");
  Require(!s.scale_ratios.empty(), "scale_ratios is empty");
  for (float ratio : s.scale_ratios) {
    Require(ratio > 0 && ratio <= 1,
            "a scale ratio must be above 0 and at most 1");
  }
  Require(s.mean_values.empty() || s.mean_image.channels == 0,
          "give mean_value or mean_file, not both");
  const int means = std::max<int>(s.mean_values.size(), s.mean_image.channels);
  Require(means == 0 || channels % means == 0,
          std::to_string(means) + " means don't divide the sample's " +
              std::to_string(channels) + " channels");
  Require(!s.is_flow || channels % 2 == 0,
          "is_flow needs x and y channels in pairs");
}

cv::Size Augment::OutputSize(const cv::Size& frame) const {
  const AugmentSettings& s = settings_;
  if (s.original_image) {
    const auto side = [&s](int length, int upper) {
      return (upper ? std::min(length, upper) : length) / s.stride * s.stride;
    };
    const cv::Size out(side(frame.width, s.upper_width),
                       side(frame.height, s.upper_height));
    Require(out.width > 0 && out.height > 0,
            "a frame of " + Text(frame) + " has no room for one stride of " +
                std::to_string(s.stride));
    return out;
  }
  if (s.crop_size == 0) return frame;
  Require(frame.width >= s.crop_size && frame.height >= s.crop_size,
          "a frame of " + Text(frame) + " is smaller than crop_size " +
              std::to_string(s.crop_size) +
              "; enlarge it by new_width and new_height");
  return {s.crop_size, s.crop_size};
}

cv::Rect Augment::DrawCrop(const cv::Size& frame, const cv::Size& out,
                           RandomStream* random) const {
  cv::Size crop = out;
  if (settings_.multi_scale) {
    const std::vector<cv::Size> sizes =
        MultiScaleSizes(frame, settings_.crop_size, settings_.scale_ratios,
                        settings_.max_distort);
    crop = sizes[random->UniformInt(sizes.size())];
  }
  if (settings_.fix_crop) {
    const std::vector<cv::Point> corners =
        FixedCropCorners(frame, crop, settings_.more_fix_crop);
    return {corners[random->UniformInt(corners.size())], crop};
  }
  const int y = random->UniformInt(frame.height - crop.height + 1);
  const int x = random->UniformInt(frame.width - crop.width + 1);
  return {cv::Point(x, y), crop};
}

CropPlan Augment::Draw(const cv::Size& frame, RandomStream* crop,
                       RandomStream* mirror) const {
  CropPlan plan;
  plan.out = OutputSize(frame);
  plan.crop = settings_.train ? DrawCrop(frame, plan.out, crop)
                              : CentreCrop(frame, plan.out);
  plan.mirror =
      settings_.train && settings_.mirror && mirror->UniformInt(2) == 1;
  return plan;
}

cv::Mat Augment::CroppedMean(const cv::Size& frame, const CropPlan& plan,
                             int channel) const {
  const MeanImage& mean = settings_.mean_image;
  const size_t area = size_t{1} * mean.height * mean.width;
  const float* plane = &mean.planes[channel % mean.channels * area];
  const cv::Mat image(mean.height, mean.width, CV_32F,
                      const_cast<float*>(plane));
  if (image.size() == frame) return CropAndResize(image, plan);
  Require(image.size() == plan.out, "mean_file is " + Text(image.size()) +
                                        ", neither the frames' " + Text(frame) +
                                        " nor the net's " + Text(plan.out));
  return image;
}

template <typename Dtype>
void Augment::Apply(const cv::Mat& frame, const CropPlan& plan,
                    int first_channel, Dtype* sample) const {
  const cv::Mat image = CropAndResize(frame, plan);
  const int step = image.channels();
  const int height = plan.out.height, width = plan.out.width;
  const Dtype scale = settings_.scale;
  const std::vector<float>& values = settings_.mean_values;
  for (int c = 0; c < step; ++c) {
    const int channel = first_channel + c;
    const bool negate = plan.mirror && settings_.is_flow && channel % 2 == 0;
    const cv::Mat mean_plane = settings_.mean_image.channels
                                   ? CroppedMean(frame.size(), plan, channel)
                                   : cv::Mat();
    const float value = values.empty() ? 0 : values[channel % values.size()];
    Dtype* to = sample + size_t{1} * channel * height * width;
    for (int y = 0; y < height; ++y, to += width) {
      const uint8_t* from = image.ptr<uint8_t>(y) + c;
      if (mean_plane.empty()) {
        WriteRow(
            from, step, width, negate, plan.mirror,
            [value](int) { return value; }, scale, to);
      } else {
        const float* mean = mean_plane.ptr<float>(y);
        WriteRow(
            from, step, width, negate, plan.mirror,
            [mean](int x) { return mean[x]; }, scale, to);
      }
    }
  }
}

template void Augment::Apply(const cv::Mat&, const CropPlan&, int,
                             float*) const;
template void Augment::Apply(const cv::Mat&, const CropPlan&, int,
                             double*) const;

}  // namespace two_stream
