#include "caffe_ext/data/video_data_settings.hpp"

#include <glog/logging.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "caffe_ext/common/error.hpp"

namespace two_stream {
namespace {

using caffe::TransformationParameter;
using caffe::VideoDataParameter;

constexpr uint64_t kMaxThreads = 256;

void Require(bool condition, const std::string& message) {
  if (!condition) throw UserError("video_data_param: " + message);
}

// A deprecated field counts where transform_param doesn't have it.
template <typename Set>
void Deprecated(bool has_old, bool has_new, const char* field, Set set) {
  if (!has_old) return;
  LOG(WARNING) << field << " of video_data_param is deprecated, "
               << (has_new ? "and transform_param's own is taken"
                           : "move it to transform_param");
  if (!has_new) set();
}

TransformationParameter MergedTransform(const caffe::LayerParameter& layer) {
  TransformationParameter t = layer.transform_param();
  const VideoDataParameter& v = layer.video_data_param();
  Deprecated(v.has_scale(), t.has_scale(), "scale",
             [&] { t.set_scale(v.scale()); });
  Deprecated(v.has_mean_file(), t.has_mean_file() || t.mean_value_size() > 0,
             "mean_file", [&] { t.set_mean_file(v.mean_file()); });
  Deprecated(v.has_crop_size(), t.has_crop_size(), "crop_size",
             [&] { t.set_crop_size(v.crop_size()); });
  Deprecated(v.has_mirror(), t.has_mirror(), "mirror",
             [&] { t.set_mirror(v.mirror()); });
  return t;
}

MeanImage ReadMeanImage(const std::string& path) {
  // Not by Caffe's reader, which ends the program where there is no such file.
  caffe::BlobProto proto;
  std::ifstream file(path, std::ios::binary);
  if (!file || !proto.ParseFromIstream(&file)) {
    throw UserError(path +
                    ": cannot read the mean; mean_file of transform_param must "
                    "be a binaryproto (`two-stream train` takes a .mat too)");
  }
  MeanImage mean;
  if (proto.has_shape()) {
    const caffe::BlobShape& shape = proto.shape();
    const int axes = shape.dim_size();
    if (axes != 3 && !(axes == 4 && shape.dim(0) == 1))
      throw UserError(path + ": the mean must be channels x height x width");
    mean.channels = shape.dim(axes - 3);
    mean.height = shape.dim(axes - 2);
    mean.width = shape.dim(axes - 1);
  } else {
    mean.channels = proto.channels();
    mean.height = proto.height();
    mean.width = proto.width();
  }
  mean.planes.assign(proto.data().begin(), proto.data().end());
  if (mean.planes.empty())
    mean.planes.assign(proto.double_data().begin(), proto.double_data().end());
  const int64_t count = int64_t{mean.channels} * mean.height * mean.width;
  if (count <= 0 || count != static_cast<int64_t>(mean.planes.size()))
    throw UserError(path + ": the mean's size and its data don't agree");
  return mean;
}

AugmentSettings MakeAugmentSettings(const TransformationParameter& t,
                                    bool train, bool flow) {
  AugmentSettings s;
  s.train = train;
  s.crop_size = t.crop_size();
  s.mirror = t.mirror();
  s.fix_crop = t.fix_crop();
  s.more_fix_crop = t.more_fix_crop();
  s.multi_scale = t.multi_scale();
  if (t.scale_ratios_size() > 0)
    s.scale_ratios.assign(t.scale_ratios().begin(), t.scale_ratios().end());
  s.max_distort = t.max_distort();
  // A mirrored flow field must be negated; the fork left that to the user.
  s.is_flow = t.has_is_flow() ? t.is_flow() : flow;
  if (t.is_flow() && !flow) {
    throw UserError(
        "transform_param: is_flow is for modality: FLOW of video_data_param");
  }
  if (s.mirror && flow && !s.is_flow) {
    LOG(WARNING) << "is_flow: false leaves the x components of mirrored flow "
                    "as they are, which is wrong for real flow";
  }
  s.original_image = t.original_image();
  s.stride = t.stride();
  s.upper_height = t.has_upper_size() ? t.upper_size() : t.upper_height();
  s.upper_width = t.has_upper_size() ? t.upper_size() : t.upper_width();
  s.scale = t.scale();
  s.mean_values.assign(t.mean_value().begin(), t.mean_value().end());
  if (t.has_mean_file()) s.mean_image = ReadMeanImage(t.mean_file());
  return s;
}

int NumThreads(const VideoDataParameter& video, int cores) {
  const unsigned all = std::max(1u, std::thread::hardware_concurrency());
  const unsigned wanted = video.threads() ? video.threads()
                          : cores > 0     ? cores
                                          : all;
  const uint64_t useful = uint64_t{video.batch_size()} * video.prefetch();
  return static_cast<int>(std::min<uint64_t>({wanted, kMaxThreads, useful}));
}

void CheckVideoParameter(const VideoDataParameter& v) {
  Require(v.batch_size() > 0 && v.batch_size() <= 1000000,
          "batch_size must be 1 to 1000000");
  Require(v.new_length() > 0 && v.new_length() <= 10000,
          "new_length must be 1 to 10000");
  Require(v.num_segments() > 0 && v.num_segments() <= 10000,
          "num_segments must be 1 to 10000");
  Require((v.new_height() > 0) == (v.new_width() > 0),
          "new_height and new_width go together");
  Require(v.new_height() <= 65535 && v.new_width() <= 65535,
          "new_height and new_width must be below 65536");
  Require(v.prefetch() > 0 && v.prefetch() <= 1000,
          "prefetch must be 1 to 1000");
  Require(v.max_failed_share() >= 0 && v.max_failed_share() <= 1,
          "max_failed_share must be 0 to 1");
}

}  // namespace

VideoDataSettings MakeVideoDataSettings(const caffe::LayerParameter& layer,
                                        caffe::Phase phase, int cores) {
  VideoDataSettings s;
  s.video = layer.video_data_param();
  const VideoDataParameter& v = s.video;
  CheckVideoParameter(v);
  s.train = phase == caffe::TRAIN;
  s.batch_size = v.batch_size();
  s.threads = NumThreads(v, cores);
  s.shuffle = v.shuffle() && s.train;
  s.rand_skip = s.train ? v.rand_skip() : 0;
  s.snippets = {static_cast<int>(v.num_segments()),
                static_cast<int>(v.new_length())};
  s.fill = v.short_clip() == VideoDataParameter::PAD ? ShortClipFill::kPad
                                                     : ShortClipFill::kLoop;
  s.format.flow = v.modality() == VideoDataParameter::FLOW;
  s.format.colour = !v.grayscale();
  s.format.size = cv::Size(v.new_width(), v.new_height());
  s.locate = {s.format.flow, v.source(), v.root_folder(), v.name_pattern()};
  s.augment =
      MakeAugmentSettings(MergedTransform(layer), s.train, s.format.flow);
  return s;
}

std::unique_ptr<FrameStore> OpenFrameStore(const VideoDataParameter& video) {
  if (video.store() == VideoDataParameter::FOLDER) return MakeFolderStore();
  Require(video.has_store_path(), "store: LMDB needs its path in store_path");
  return MakeLmdbStore(video.store_path());
}

}  // namespace two_stream
