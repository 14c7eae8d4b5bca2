#include "caffe_ext/memory/relu_layer.hpp"

#include <algorithm>
#include <boost/make_shared.hpp>
#include <cstdint>

#include "caffe_ext/common/register_layer.hpp"

namespace two_stream {

using caffe::Blob;
using std::vector;

constexpr int kWordBits = 64;

template <typename Dtype>
void ReLULayer<Dtype>::Reshape(const vector<Blob<Dtype>*>& bottom,
                               const vector<Blob<Dtype>*>& top) {
  caffe::ReLULayer<Dtype>::Reshape(bottom, top);
  count_ = bottom[0]->count();
}

template <typename Dtype>
size_t ReLULayer<Dtype>::SignBytes() const {
  return sizeof(uint64_t) * ((count_ + kWordBits - 1) / kWordBits);
}

template <typename Dtype>
void ReLULayer<Dtype>::Forward_cpu(const vector<Blob<Dtype>*>& bottom,
                                   const vector<Blob<Dtype>*>& top) {
  if (!signs_) return caffe::ReLULayer<Dtype>::Forward_cpu(bottom, top);
  CHECK_GE(signs_->size(), SignBytes()) << this->layer_param_.name();
  const Dtype slope = this->layer_param_.relu_param().negative_slope();
  const Dtype* in = bottom[0]->cpu_data();
  Dtype* out = top[0]->mutable_cpu_data();
  uint64_t* signs = static_cast<uint64_t*>(signs_->mutable_cpu_data());
  for (int begin = 0; begin < count_; begin += kWordBits) {
    const int bits = std::min(kWordBits, count_ - begin);
    uint64_t word = 0;
    for (int k = 0; k < bits; ++k) {
      word |= static_cast<uint64_t>(in[begin + k] > 0) << k;
    }
    signs[begin / kWordBits] = word;
    for (int i = begin; i < begin + bits; ++i) {
      out[i] = std::max(in[i], Dtype(0)) + slope * std::min(in[i], Dtype(0));
    }
  }
}

template <typename Dtype>
void ReLULayer<Dtype>::Backward_cpu(const vector<Blob<Dtype>*>& top,
                                    const vector<bool>& propagate_down,
                                    const vector<Blob<Dtype>*>& bottom) {
  if (!signs_) {
    return caffe::ReLULayer<Dtype>::Backward_cpu(top, propagate_down, bottom);
  }
  if (!propagate_down[0]) return;
  const Dtype slope = this->layer_param_.relu_param().negative_slope();
  const Dtype factors[2] = {slope, Dtype(1)};
  const Dtype* top_diff = top[0]->cpu_diff();
  Dtype* bottom_diff = bottom[0]->mutable_cpu_diff();
  const uint64_t* signs = static_cast<const uint64_t*>(signs_->cpu_data());
  for (int i = 0; i < count_; ++i) {
    const uint64_t positive = signs[i / kWordBits] >> (i % kWordBits) & 1;
    bottom_diff[i] = top_diff[i] * factors[positive];
  }
}

// What made a ReLU before ours took its place.
template <typename Dtype>
static typename caffe::LayerRegistry<Dtype>::Creator CaffesReLU() {
  static const auto creator = caffe::LayerRegistry<Dtype>::Registry()["ReLU"];
  return creator;
}

// Where a GPU is used, Caffe's own choice of engine.
template <typename Dtype>
static boost::shared_ptr<caffe::Layer<Dtype>> MakeReLU(
    const caffe::LayerParameter& param) {
  if (caffe::Caffe::mode() == caffe::Caffe::GPU) {
    return CaffesReLU<Dtype>()(param);
  }
  return boost::make_shared<ReLULayer<Dtype>>(param);
}

// Remembers Caffe's creator before ours takes its place.
template <typename Dtype>
static typename caffe::LayerRegistry<Dtype>::Creator OurReLU() {
  CaffesReLU<Dtype>();
  return MakeReLU<Dtype>;
}

static LayerRegistration<float> g_relu_f("ReLU", OurReLU<float>());
static LayerRegistration<double> g_relu_d("ReLU", OurReLU<double>());
template class ReLULayer<float>;
template class ReLULayer<double>;

}  // namespace two_stream
