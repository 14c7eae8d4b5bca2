#ifndef TWO_STREAM_TESTS_DATA_LAYER_FIXTURE_HPP_
#define TWO_STREAM_TESTS_DATA_LAYER_FIXTURE_HPP_

#include <google/protobuf/text_format.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "caffe/blob.hpp"
#include "caffe/layer_factory.hpp"
#include "caffe_ext/common/run_context.hpp"
#include "caffe_ext/data/video_data_layer.hpp"
#include "tests/data/fixtures.hpp"

namespace two_stream {
namespace testing {

// A VideoData layer out of Caffe's registry, with its tops.
template <typename Dtype>
class LayerUnderTest {
 public:
  struct Batch {
    std::vector<Dtype> data, labels;
    bool operator==(const Batch& other) const {
      return data == other.data && labels == other.labels;
    }
  };

  // `video` and `transform`: fields of video_data_param and transform_param.
  LayerUnderTest(const std::string& video, const std::string& transform,
                 caffe::Phase phase, const RunContext& context) {
    const ScopedRunContext scope(context);
    caffe::LayerParameter param;
    const std::string text =
        "name: 'data' type: 'VideoData' video_data_param {" + video +
        "} transform_param {" + transform + "}";
    if (!google::protobuf::TextFormat::ParseFromString(text, &param))
      throw std::logic_error("bad prototxt in a test: " + text);
    param.set_phase(phase);
    layer_ = caffe::LayerRegistry<Dtype>::CreateLayer(param);
    layer_->SetUp(bottoms_, tops_);
  }

  Batch Forward() {
    layer_->Forward(bottoms_, tops_);
    return {{data_.cpu_data(), data_.cpu_data() + data_.count()},
            {label_.cpu_data(), label_.cpu_data() + label_.count()}};
  }

  VideoDataLayer<Dtype>& layer() {
    return dynamic_cast<VideoDataLayer<Dtype>&>(*layer_);
  }
  const caffe::Blob<Dtype>& data() const { return data_; }
  const caffe::Blob<Dtype>& label() const { return label_; }

 private:
  caffe::Blob<Dtype> data_, label_;
  std::vector<caffe::Blob<Dtype>*> bottoms_, tops_ = {&data_, &label_};
  boost::shared_ptr<caffe::Layer<Dtype>> layer_;
};

inline RunContext Seeded(uint64_t seed, int rank = 0, int world = 1) {
  RunContext context;
  context.seed = seed;
  context.rank = rank;
  context.world = world;
  return context;
}

}  // namespace testing
}  // namespace two_stream

#endif  // TWO_STREAM_TESTS_DATA_LAYER_FIXTURE_HPP_
