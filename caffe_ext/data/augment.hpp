#ifndef TWO_STREAM_DATA_AUGMENT_HPP_
#define TWO_STREAM_DATA_AUGMENT_HPP_

#include <opencv2/core.hpp>
#include <vector>

#include "caffe_ext/random/random_stream.hpp"

namespace two_stream {

// A mean to subtract, as large as the frames (then it is cropped with them) or
// as the net's input: `planes` are channels x height x width. No channels:
// none.
struct MeanImage {
  int channels = 0;
  int height = 0;
  int width = 0;
  std::vector<float> planes;
};

// The fields of transform_param, checked by Augment's constructor.
struct AugmentSettings {
  bool train = false;  // draw at random; else the centre crop, unmirrored
  int crop_size = 0;   // side of the net's input; 0: the whole frame
  bool mirror = false;
  bool fix_crop = false;
  bool more_fix_crop = false;
  bool multi_scale = false;
  std::vector<float> scale_ratios = {1.f, .875f, .75f, .66f};
  int max_distort = 1;
  // Even channels are x components of flow, odd ones y.
  bool is_flow = false;
  // Nets without fully connected layers, on whole frames: instead of crop_size,
  // each side is cut to the largest multiple of `stride` that fits into the
  // frame and the upper bound (0: none).
  bool original_image = false;
  int stride = 1;
  int upper_height = 0;
  int upper_width = 0;
  float scale = 1;
  // One for all channels, or a group that is repeated over them (3 for BGR, 2
  // for x and y).
  std::vector<float> mean_values;
  MeanImage mean_image;  // its channels too are repeated
};

// What was drawn for a sample. All its frames are cropped and mirrored alike.
struct CropPlan {
  cv::Rect crop;  // in the frame
  cv::Size out;   // what the crop is resized to
  bool mirror = false;
};

// Crops, resizes, mirrors and normalises frames. Knows pixels and random
// streams only. Const methods may be called by several threads at once.
class Augment {
 public:
  // `channels` of a whole sample, all its frames together. Throws UserError
  // that names the field.
  Augment(const AugmentSettings& settings, int channels);

  // Size of the result for frames of size `frame`. Throws UserError where the
  // frame is too small.
  cv::Size OutputSize(const cv::Size& frame) const;

  // Draws from `crop`: for multi_scale the size, then the position (one number
  // of a list with fix_crop, else y and x); from `mirror`: one bit. Nothing in
  // TEST. Throws UserError where the frame is too small.
  CropPlan Draw(const cv::Size& frame, RandomStream* crop,
                RandomStream* mirror) const;

  // Writes the planes of an 8-bit frame into `sample` (channels x out.height x
  // out.width), as its channels first_channel, first_channel + 1, ...:
  //   (pixel - mean) * scale,
  // where pixel is the bilinearly resized crop, still 8-bit, 255 - it for a
  // mirrored x component of flow. A mean image is cropped and resized as the
  // frame is, and as in Caffe mirrored with it.
  template <typename Dtype>
  void Apply(const cv::Mat& frame, const CropPlan& plan, int first_channel,
             Dtype* sample) const;

 private:
  void CheckSettings(int channels) const;
  cv::Rect DrawCrop(const cv::Size& frame, const cv::Size& out,
                    RandomStream* random) const;
  cv::Mat CroppedMean(const cv::Size& frame, const CropPlan& plan,
                      int channel) const;

  AugmentSettings settings_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_DATA_AUGMENT_HPP_
