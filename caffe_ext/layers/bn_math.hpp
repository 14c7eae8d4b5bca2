#ifndef TWO_STREAM_LAYERS_BN_MATH_HPP_
#define TWO_STREAM_LAYERS_BN_MATH_HPP_

#include "caffe_ext/common/host_device.hpp"

namespace two_stream {

// Values are outer x channels x inner; statistics have one value a channel.
struct BnShape {
  int outer = 0, channels = 0, inner = 0;

  TWO_STREAM_HOST_DEVICE int count() const { return outer * channels * inner; }
  TWO_STREAM_HOST_DEVICE int per_channel() const { return outer * inner; }
};

// What batch normalisation computes, on one kind of device. Pointers are that
// device's memory.
template <typename Dtype>
class BnMath {
 public:
  virtual ~BnMath() = default;

  // Mean and (biased) variance of each channel.
  virtual void Statistics(const BnShape& shape, const Dtype* x, Dtype* mean,
                          Dtype* variance) const = 0;

  // inverse_std = 1 / sqrt(variance + eps).
  virtual void InverseStd(int channels, const Dtype* variance, Dtype eps,
                          Dtype* inverse_std) const = 0;

  // moving = momentum x moving + (1 - momentum) x batch.
  virtual void Blend(int channels, Dtype momentum, const Dtype* batch,
                     Dtype* moving) const = 0;

  // y = scale x x^ + shift, where x^ = (x - mean) x inverse_std. y may be x.
  virtual void Normalize(const BnShape& shape, const Dtype* x,
                         const Dtype* mean, const Dtype* inverse_std,
                         const Dtype* scale, const Dtype* shift,
                         Dtype* y) const = 0;

  // Each channel's sum of dy x x^, and of dy: the gradients of scale and shift.
  virtual void ParamDiffs(const BnShape& shape, const Dtype* x, const Dtype* dy,
                          const Dtype* mean, const Dtype* inverse_std,
                          Dtype* scale_diff, Dtype* shift_diff) const = 0;

  // to += from.
  virtual void Add(int channels, const Dtype* from, Dtype* to) const = 0;

  // dx where mean and variance are the batch's; the last two gradients are
  // what ParamDiffs gives. dx may be dy.
  virtual void BatchInputDiff(const BnShape& shape, const Dtype* x,
                              const Dtype* dy, const Dtype* mean,
                              const Dtype* inverse_std, const Dtype* scale,
                              const Dtype* scale_diff, const Dtype* shift_diff,
                              Dtype* dx) const = 0;

  // dx where mean and variance are constants. dx may be dy.
  virtual void FixedInputDiff(const BnShape& shape, const Dtype* dy,
                              const Dtype* inverse_std, const Dtype* scale,
                              Dtype* dx) const = 0;
};

template <typename Dtype>
const BnMath<Dtype>& BnMathOnHost();

// The device's; set by bn_math_cuda.cu, null in a build without CUDA.
template <typename Dtype>
const BnMath<Dtype>*& BnMathOnDevice();

}  // namespace two_stream

#endif  // TWO_STREAM_LAYERS_BN_MATH_HPP_
