#ifndef TWO_STREAM_TESTS_PARALLEL_SAMPLE_LAYER_HPP_
#define TWO_STREAM_TESTS_PARALLEL_SAMPLE_LAYER_HPP_

#include <vector>

#include "caffe/layer.hpp"
#include "caffe/layers/base_data_layer.hpp"
#include "caffe_ext/common/data_cursor.hpp"
#include "caffe_ext/common/run_context.hpp"
#include "caffe_ext/random/random_stream.hpp"

namespace two_stream {

// Layer "TestSamples": random images and labels (of 5 classes), each a function
// of its global sample, read in shares as VideoData does. The shape of data is
// dummy_data_param's.
template <typename Dtype>
class TestSamplesLayer : public caffe::Layer<Dtype>, public DataCursor {
 public:
  explicit TestSamplesLayer(const caffe::LayerParameter& param)
      : caffe::Layer<Dtype>(param) {}

  void LayerSetUp(const std::vector<caffe::Blob<Dtype>*>&,
                  const std::vector<caffe::Blob<Dtype>*>&) override {
    const RunContext context = RunContext::Current().value();
    if (this->phase_ == caffe::TRAIN || context.shard_test_nets) {
      rank_ = context.rank;
      world_ = context.world;
    }
    // Test nets see other samples.
    seed_ = context.seed + (this->phase_ == caffe::TEST ? 1000 : 0);
  }
  void Reshape(const std::vector<caffe::Blob<Dtype>*>&,
               const std::vector<caffe::Blob<Dtype>*>& top) override {
    top[0]->Reshape(this->layer_param_.dummy_data_param().shape(0));
    top[1]->Reshape({top[0]->shape(0)});
  }
  const char* type() const override { return "TestSamples"; }

  uint64_t data_cursor() const override { return cursor_; }
  void set_data_cursor(uint64_t sample) override { cursor_ = sample; }

 protected:
  void Forward_cpu(const std::vector<caffe::Blob<Dtype>*>&,
                   const std::vector<caffe::Blob<Dtype>*>& top) override {
    const int batch = top[0]->shape(0), length = top[0]->count(1);
    Dtype* data = top[0]->mutable_cpu_data();
    for (int i = 0; i < batch; ++i) {
      RandomStream stream(seed_, RandomPurpose::kDataCrop, 0, 0,
                          cursor_ + rank_ * batch + i);
      const uint32_t label = stream.UniformInt(5);
      top[1]->mutable_cpu_data()[i] = label;
      for (int j = 0; j < length; ++j) {
        // The label shows in every fifth value, so that there is something to
        // learn.
        *data++ = stream.UniformDouble() - 0.5 + (j % 5 == label ? 0.3 : 0);
      }
    }
    cursor_ += world_ * batch;
  }
  void Backward_cpu(const std::vector<caffe::Blob<Dtype>*>&,
                    const std::vector<bool>&,
                    const std::vector<caffe::Blob<Dtype>*>&) override {}

 private:
  uint64_t seed_ = 0, cursor_ = 0, rank_ = 0, world_ = 1;
};

}  // namespace two_stream

#endif  // TWO_STREAM_TESTS_PARALLEL_SAMPLE_LAYER_HPP_
