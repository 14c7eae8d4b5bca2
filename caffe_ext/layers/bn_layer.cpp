#include "caffe_ext/layers/bn_layer.hpp"

#include <boost/make_shared.hpp>
#include <memory>
#include <string>

#include "caffe/filler.hpp"
#include "caffe/util/math_functions.hpp"
#include "caffe_ext/common/error.hpp"
#include "caffe_ext/common/register_layer.hpp"

namespace two_stream {

using caffe::Blob;
using std::vector;

namespace {

template <typename Dtype>
struct AtHost {
  const BnMath<Dtype>& math = BnMathOnHost<Dtype>();

  const Dtype* Data(const Blob<Dtype>& blob) const { return blob.cpu_data(); }
  Dtype* MutableData(Blob<Dtype>* blob) const {
    return blob->mutable_cpu_data();
  }
  const Dtype* Diff(const Blob<Dtype>& blob) const { return blob.cpu_diff(); }
  Dtype* MutableDiff(Blob<Dtype>* blob) const {
    return blob->mutable_cpu_diff();
  }
};

template <typename Dtype>
struct AtDevice {
  const BnMath<Dtype>& math = *CHECK_NOTNULL(BnMathOnDevice<Dtype>());

  const Dtype* Data(const Blob<Dtype>& blob) const { return blob.gpu_data(); }
  Dtype* MutableData(Blob<Dtype>* blob) const {
    return blob->mutable_gpu_data();
  }
  const Dtype* Diff(const Blob<Dtype>& blob) const { return blob.gpu_diff(); }
  Dtype* MutableDiff(Blob<Dtype>* blob) const {
    return blob->mutable_gpu_diff();
  }
};

template <typename Dtype>
boost::shared_ptr<Blob<Dtype>> MakeBlob(const vector<int>& shape, Dtype value) {
  auto blob = boost::make_shared<Blob<Dtype>>(shape);
  caffe::caffe_set(blob->count(), value, blob->mutable_cpu_data());
  return blob;
}

template <typename Dtype>
void Fill(const caffe::FillerParameter& param, Blob<Dtype>* blob) {
  std::unique_ptr<caffe::Filler<Dtype>>(caffe::GetFiller<Dtype>(param))
      ->Fill(blob);
}

}  // namespace

template <typename Dtype>
void BnLayer<Dtype>::LayerSetUp(const vector<Blob<Dtype>*>& bottom,
                                const vector<Blob<Dtype>*>& top) {
  const caffe::BNParameter& param = this->layer_param_.bn_param();
  frozen_ = param.frozen();
  momentum_ = param.momentum();
  eps_ = param.eps();
  const std::string layer = "layer " + this->layer_param_.name() + ": ";
  if (!(momentum_ >= 0 && momentum_ <= 1)) {
    throw UserError(layer + "bn_param.momentum must be from 0 to 1, not " +
                    std::to_string(momentum_));
  }
  if (!(eps_ > 0)) throw UserError(layer + "bn_param.eps must be above 0");
  if (bottom[0]->num_axes() < 2) {
    throw UserError(layer + "BN needs a bottom of samples x channels x ...");
  }
  if (this->blobs_.empty()) {
    const vector<int> shape{1, bottom[0]->shape(1)};
    this->blobs_ = {MakeBlob(shape, Dtype(1)), MakeBlob(shape, Dtype(0)),
                    MakeBlob(shape, Dtype(0)),
                    // As the fork: what isn't blended in counts as 0.
                    MakeBlob(shape, Dtype(frozen_ ? 1 : 0))};
    if (param.has_slope_filler()) {
      Fill(param.slope_filler(), this->blobs_[kScale].get());
    }
    if (param.has_bias_filler()) {
      Fill(param.bias_filler(), this->blobs_[kShift].get());
    }
  }
  this->param_propagate_down_.assign(4, true);
  // The solver leaves alone what has no rate and no decay.
  while (this->layer_param_.param_size() < 4) this->layer_param_.add_param();
  for (int i = frozen_ ? kScale : kMovingMean; i <= kMovingVariance; ++i) {
    this->layer_param_.mutable_param(i)->set_lr_mult(0);
    this->layer_param_.mutable_param(i)->set_decay_mult(0);
  }
}

template <typename Dtype>
void BnLayer<Dtype>::Reshape(const vector<Blob<Dtype>*>& bottom,
                             const vector<Blob<Dtype>*>& top) {
  CHECK_EQ(bottom[0]->shape(1), this->blobs_[kScale]->count())
      << "layer " << this->layer_param_.name()
      << ": the number of channels cannot change";
  shape_ = {bottom[0]->shape(0), bottom[0]->shape(1), bottom[0]->count(2)};
  if (top[0] != bottom[0]) top[0]->ReshapeLike(*bottom[0]);
  for (Blob<Dtype>* blob :
       {&mean_, &variance_, &inverse_std_, &scale_diff_, &shift_diff_}) {
    blob->ReshapeLike(*this->blobs_[kScale]);
  }
}

template <typename Dtype>
template <typename At>
void BnLayer<Dtype>::Forward(const At& at, Blob<Dtype>* bottom,
                             Blob<Dtype>* top) {
  const int channels = shape_.channels;
  if (UsesBatchStatistics()) {
    at.math.Statistics(shape_, at.Data(*bottom), at.MutableData(&mean_),
                       at.MutableData(&variance_));
    at.math.Blend(channels, momentum_, at.Data(mean_),
                  at.MutableData(this->blobs_[kMovingMean].get()));
    at.math.Blend(channels, momentum_, at.Data(variance_),
                  at.MutableData(this->blobs_[kMovingVariance].get()));
    if (top == bottom) input_.CopyFrom(*bottom, false, true);
  } else {
    mean_.CopyFrom(*this->blobs_[kMovingMean]);
    variance_.CopyFrom(*this->blobs_[kMovingVariance]);
  }
  at.math.InverseStd(channels, at.Data(variance_), eps_,
                     at.MutableData(&inverse_std_));
  at.math.Normalize(shape_, at.Data(*bottom), at.Data(mean_),
                    at.Data(inverse_std_), at.Data(*this->blobs_[kScale]),
                    at.Data(*this->blobs_[kShift]), at.MutableData(top));
}

template <typename Dtype>
template <typename At>
void BnLayer<Dtype>::Backward(const At& at, Blob<Dtype>* top,
                              bool propagate_down, Blob<Dtype>* bottom) {
  const Blob<Dtype>& input = top == bottom ? input_ : *bottom;
  const Blob<Dtype>& scale = *this->blobs_[kScale];
  if (!UsesBatchStatistics()) {
    if (propagate_down) {
      at.math.FixedInputDiff(shape_, at.Diff(*top), at.Data(inverse_std_),
                             at.Data(scale), at.MutableDiff(bottom));
    }
    return;
  }
  at.math.ParamDiffs(shape_, at.Data(input), at.Diff(*top), at.Data(mean_),
                     at.Data(inverse_std_), at.MutableData(&scale_diff_),
                     at.MutableData(&shift_diff_));
  if (propagate_down) {
    at.math.BatchInputDiff(shape_, at.Data(input), at.Diff(*top),
                           at.Data(mean_), at.Data(inverse_std_),
                           at.Data(scale), at.Data(scale_diff_),
                           at.Data(shift_diff_), at.MutableDiff(bottom));
  }
  AddDiff(at, scale_diff_, kScale);
  AddDiff(at, shift_diff_, kShift);
}

template <typename Dtype>
template <typename At>
void BnLayer<Dtype>::AddDiff(const At& at, const Blob<Dtype>& batch,
                             Parameter parameter) {
  if (!this->param_propagate_down_[parameter]) return;
  at.math.Add(shape_.channels, at.Data(batch),
              at.MutableDiff(this->blobs_[parameter].get()));
}

template <typename Dtype>
void BnLayer<Dtype>::Forward_cpu(const vector<Blob<Dtype>*>& bottom,
                                 const vector<Blob<Dtype>*>& top) {
  Forward(AtHost<Dtype>(), bottom[0], top[0]);
}

template <typename Dtype>
void BnLayer<Dtype>::Forward_gpu(const vector<Blob<Dtype>*>& bottom,
                                 const vector<Blob<Dtype>*>& top) {
  Forward(AtDevice<Dtype>(), bottom[0], top[0]);
}

template <typename Dtype>
void BnLayer<Dtype>::Backward_cpu(const vector<Blob<Dtype>*>& top,
                                  const vector<bool>& propagate_down,
                                  const vector<Blob<Dtype>*>& bottom) {
  Backward(AtHost<Dtype>(), top[0], propagate_down[0], bottom[0]);
}

template <typename Dtype>
void BnLayer<Dtype>::Backward_gpu(const vector<Blob<Dtype>*>& top,
                                  const vector<bool>& propagate_down,
                                  const vector<Blob<Dtype>*>& bottom) {
  Backward(AtDevice<Dtype>(), top[0], propagate_down[0], bottom[0]);
}

TWO_STREAM_REGISTER_LAYER(BN, BnLayer);

}  // namespace two_stream
