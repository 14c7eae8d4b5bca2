#include "caffe_ext/layers/dropout_layer.hpp"

#include <cmath>
#include <string>

#include "caffe/util/math_functions.hpp"
#include "caffe_ext/common/error.hpp"
#include "caffe_ext/common/register_layer.hpp"
#include "caffe_ext/common/run_context.hpp"

namespace two_stream {

using caffe::Blob;
using std::vector;

namespace {

// FNV-1a; part of the reproducibility contract.
uint32_t HashName(const std::string& name) {
  uint32_t hash = 2166136261u;
  for (unsigned char c : name) hash = (hash ^ c) * 16777619u;
  return hash;
}

}  // namespace

template <typename Dtype>
void DropoutLayer<Dtype>::LayerSetUp(const vector<Blob<Dtype>*>& bottom,
                                     const vector<Blob<Dtype>*>& top) {
  caffe::NeuronLayer<Dtype>::LayerSetUp(bottom, top);
  const double ratio = this->layer_param_.dropout_param().dropout_ratio();
  if (!(ratio >= 0 && ratio < 1)) {
    throw UserError("layer " + this->layer_param_.name() +
                    ": dropout_ratio must be at least 0 and below 1, not " +
                    std::to_string(ratio));
  }
  scale_ = 1 / (1 - ratio);
  mask_.threshold = static_cast<uint32_t>(std::ldexp(ratio, 32));
  mask_.layer = HashName(this->layer_param_.name());
  if (this->phase_ != caffe::TRAIN) return;
  if (const auto& context = RunContext::Current()) {
    mask_.seed = context->seed;
    set_shard(context->rank, context->world);
  } else {
    mask_.seed = caffe::caffe_rng_rand();
    set_shard(caffe::Caffe::solver_rank(), caffe::Caffe::solver_count());
  }
}

template <typename Dtype>
void DropoutLayer<Dtype>::NextMask(int rows) {
  mask_.first_sample = cursor_ + uint64_t(rank_) * rows;
  cursor_ += uint64_t(world_) * rows;
}

template <typename Dtype>
void DropoutLayer<Dtype>::Forward_cpu(const vector<Blob<Dtype>*>& bottom,
                                      const vector<Blob<Dtype>*>& top) {
  const Dtype* from = bottom[0]->cpu_data();
  Dtype* to = top[0]->mutable_cpu_data();
  if (this->phase_ != caffe::TRAIN) {
    caffe::caffe_copy(bottom[0]->count(), from, to);
    return;
  }
  NextMask(bottom[0]->shape(0));
  ApplyMask(mask_, bottom[0]->shape(0), bottom[0]->count(1), scale_, from, to);
}

template <typename Dtype>
void DropoutLayer<Dtype>::Backward_cpu(const vector<Blob<Dtype>*>& top,
                                       const vector<bool>& propagate_down,
                                       const vector<Blob<Dtype>*>& bottom) {
  if (!propagate_down[0]) return;
  const Dtype* from = top[0]->cpu_diff();
  Dtype* to = bottom[0]->mutable_cpu_diff();
  if (this->phase_ != caffe::TRAIN) {
    caffe::caffe_copy(bottom[0]->count(), from, to);
    return;
  }
  ApplyMask(mask_, bottom[0]->shape(0), bottom[0]->count(1), scale_, from, to);
}

template <typename Dtype>
void DropoutLayer<Dtype>::Forward_gpu(const vector<Blob<Dtype>*>& bottom,
                                      const vector<Blob<Dtype>*>& top) {
  const auto apply = ApplyMaskOnDevice<Dtype>();
  const Dtype* from = bottom[0]->gpu_data();
  Dtype* to = top[0]->mutable_gpu_data();
  if (this->phase_ != caffe::TRAIN) {
    caffe::caffe_copy(bottom[0]->count(), from, to);
    return;
  }
  NextMask(bottom[0]->shape(0));
  apply(mask_, bottom[0]->shape(0), bottom[0]->count(1), scale_, from, to);
}

template <typename Dtype>
void DropoutLayer<Dtype>::Backward_gpu(const vector<Blob<Dtype>*>& top,
                                       const vector<bool>& propagate_down,
                                       const vector<Blob<Dtype>*>& bottom) {
  if (!propagate_down[0]) return;
  const auto apply = ApplyMaskOnDevice<Dtype>();
  const Dtype* from = top[0]->gpu_diff();
  Dtype* to = bottom[0]->mutable_gpu_diff();
  if (this->phase_ != caffe::TRAIN) {
    caffe::caffe_copy(bottom[0]->count(), from, to);
    return;
  }
  apply(mask_, bottom[0]->shape(0), bottom[0]->count(1), scale_, from, to);
}

TWO_STREAM_REGISTER_LAYER(Dropout, DropoutLayer);

}  // namespace two_stream
