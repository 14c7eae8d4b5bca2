#include "caffe_ext/memory/relu_layer.hpp"

#include <algorithm>
#include <boost/make_shared.hpp>
#include <cstdint>

#include "caffe_ext/common/register_layer.hpp"

namespace two_stream {

using caffe::Blob;
using std::vector;

namespace {

// Signs are kept eight to a byte; loops over eight are unrolled by hand, as the
// compiler's -O2 doesn't.
constexpr int kBits = 8;

template <typename Dtype>
uint8_t SignsOfEight(const Dtype* x) {
  unsigned signs = 0;
  signs |= (x[0] > 0) << 0;
  signs |= (x[1] > 0) << 1;
  signs |= (x[2] > 0) << 2;
  signs |= (x[3] > 0) << 3;
  signs |= (x[4] > 0) << 4;
  signs |= (x[5] > 0) << 5;
  signs |= (x[6] > 0) << 6;
  signs |= (x[7] > 0) << 7;
  return static_cast<uint8_t>(signs);
}

template <typename Dtype>
Dtype Rectified(Dtype x, Dtype slope) {
  return std::max(x, Dtype(0)) + slope * std::min(x, Dtype(0));
}

// Functions of values only: bytes may alias anything that is not.
template <typename Dtype>
void Rectify(const Dtype* in, int count, Dtype slope, Dtype* out,
             uint8_t* signs) {
  const int whole = count / kBits * kBits;
  for (int begin = 0; begin < whole; begin += kBits) {
    signs[begin / kBits] = SignsOfEight(in + begin);
    for (int i = begin; i < begin + kBits; ++i)
      out[i] = Rectified(in[i], slope);
  }
  if (whole == count) return;
  Dtype rest[kBits] = {};
  std::copy(in + whole, in + count, rest);
  signs[whole / kBits] = SignsOfEight(rest);
  for (int i = whole; i < count; ++i) out[i] = Rectified(in[i], slope);
}

template <typename Dtype>
void Scale(const Dtype* top_diff, const uint8_t* signs, int count, Dtype slope,
           Dtype* bottom_diff) {
  const Dtype factors[2] = {slope, Dtype(1)};
  const int whole = count / kBits * kBits;
  for (int begin = 0; begin < whole; begin += kBits) {
    unsigned bits = signs[begin / kBits];
    for (int i = begin; i < begin + kBits; ++i, bits >>= 1) {
      bottom_diff[i] = top_diff[i] * factors[bits & 1];
    }
  }
  for (int i = whole; i < count; ++i) {
    bottom_diff[i] =
        top_diff[i] * factors[signs[whole / kBits] >> (i - whole) & 1];
  }
}

}  // namespace

template <typename Dtype>
void ReLULayer<Dtype>::Reshape(const vector<Blob<Dtype>*>& bottom,
                               const vector<Blob<Dtype>*>& top) {
  caffe::ReLULayer<Dtype>::Reshape(bottom, top);
  count_ = bottom[0]->count();
}

template <typename Dtype>
size_t ReLULayer<Dtype>::SignBytes() const {
  return (count_ + kBits - 1) / kBits;
}

template <typename Dtype>
void ReLULayer<Dtype>::Forward_cpu(const vector<Blob<Dtype>*>& bottom,
                                   const vector<Blob<Dtype>*>& top) {
  if (!signs_) return caffe::ReLULayer<Dtype>::Forward_cpu(bottom, top);
  CHECK_GE(signs_->size(), SignBytes()) << this->layer_param_.name();
  Rectify<Dtype>(bottom[0]->cpu_data(), count_,
                 this->layer_param_.relu_param().negative_slope(),
                 top[0]->mutable_cpu_data(),
                 static_cast<uint8_t*>(signs_->mutable_cpu_data()));
}

template <typename Dtype>
void ReLULayer<Dtype>::Backward_cpu(const vector<Blob<Dtype>*>& top,
                                    const vector<bool>& propagate_down,
                                    const vector<Blob<Dtype>*>& bottom) {
  if (!signs_) {
    return caffe::ReLULayer<Dtype>::Backward_cpu(top, propagate_down, bottom);
  }
  if (!propagate_down[0]) return;
  Scale<Dtype>(top[0]->cpu_diff(),
               static_cast<const uint8_t*>(signs_->cpu_data()), count_,
               this->layer_param_.relu_param().negative_slope(),
               bottom[0]->mutable_cpu_diff());
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
