#include "caffe_ext/layers/bn_math.hpp"

#include <cmath>
#include <cstddef>
#include <vector>

namespace two_stream {
namespace {

// Calls visit(channel, begin, end) for each run of values of one channel.
template <typename Visit>
void ForEachRun(const BnShape& shape, const Visit& visit) {
  size_t begin = 0;
  for (int n = 0; n < shape.outer; ++n) {
    for (int c = 0; c < shape.channels; ++c, begin += shape.inner) {
      visit(c, begin, begin + shape.inner);
    }
  }
}

// Sums over whole batches are kept in double: a channel has millions of values.
template <typename Dtype>
class HostMath : public BnMath<Dtype> {
 public:
  void Statistics(const BnShape& shape, const Dtype* x, Dtype* mean,
                  Dtype* variance) const override {
    std::vector<double> sum(shape.channels), squares(shape.channels);
    ForEachRun(shape, [&](int c, size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) sum[c] += x[i];
    });
    for (double& value : sum) value /= shape.per_channel();
    ForEachRun(shape, [&](int c, size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) {
        squares[c] += (x[i] - sum[c]) * (x[i] - sum[c]);
      }
    });
    for (int c = 0; c < shape.channels; ++c) {
      mean[c] = static_cast<Dtype>(sum[c]);
      variance[c] = static_cast<Dtype>(squares[c] / shape.per_channel());
    }
  }

  void InverseStd(int channels, const Dtype* variance, Dtype eps,
                  Dtype* inverse_std) const override {
    for (int c = 0; c < channels; ++c) {
      inverse_std[c] = 1 / std::sqrt(variance[c] + eps);
    }
  }

  void Blend(int channels, Dtype momentum, const Dtype* batch,
             Dtype* moving) const override {
    for (int c = 0; c < channels; ++c) {
      moving[c] = momentum * moving[c] + (1 - momentum) * batch[c];
    }
  }

  void Normalize(const BnShape& shape, const Dtype* x, const Dtype* mean,
                 const Dtype* inverse_std, const Dtype* scale,
                 const Dtype* shift, Dtype* y) const override {
    ForEachRun(shape, [&](int c, size_t begin, size_t end) {
      const Dtype factor = scale[c] * inverse_std[c];
      for (size_t i = begin; i < end; ++i) {
        y[i] = (x[i] - mean[c]) * factor + shift[c];
      }
    });
  }

  void ParamDiffs(const BnShape& shape, const Dtype* x, const Dtype* dy,
                  const Dtype* mean, const Dtype* inverse_std,
                  Dtype* scale_diff, Dtype* shift_diff) const override {
    std::vector<double> sum_dy(shape.channels), sum_dy_x(shape.channels);
    ForEachRun(shape, [&](int c, size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) {
        sum_dy[c] += dy[i];
        sum_dy_x[c] += dy[i] * (x[i] - mean[c]);
      }
    });
    for (int c = 0; c < shape.channels; ++c) {
      scale_diff[c] = static_cast<Dtype>(sum_dy_x[c] * inverse_std[c]);
      shift_diff[c] = static_cast<Dtype>(sum_dy[c]);
    }
  }

  void Add(int channels, const Dtype* from, Dtype* to) const override {
    for (int c = 0; c < channels; ++c) to[c] += from[c];
  }

  void BatchInputDiff(const BnShape& shape, const Dtype* x, const Dtype* dy,
                      const Dtype* mean, const Dtype* inverse_std,
                      const Dtype* scale, const Dtype* scale_diff,
                      const Dtype* shift_diff, Dtype* dx) const override {
    const Dtype share = Dtype(1) / shape.per_channel();
    ForEachRun(shape, [&](int c, size_t begin, size_t end) {
      const Dtype mean_dy = share * shift_diff[c];
      const Dtype slope = share * scale_diff[c] * inverse_std[c];
      const Dtype factor = scale[c] * inverse_std[c];
      for (size_t i = begin; i < end; ++i) {
        dx[i] = factor * (dy[i] - mean_dy - slope * (x[i] - mean[c]));
      }
    });
  }

  void FixedInputDiff(const BnShape& shape, const Dtype* dy,
                      const Dtype* inverse_std, const Dtype* scale,
                      Dtype* dx) const override {
    ForEachRun(shape, [&](int c, size_t begin, size_t end) {
      const Dtype factor = scale[c] * inverse_std[c];
      for (size_t i = begin; i < end; ++i) dx[i] = factor * dy[i];
    });
  }
};

}  // namespace

template <typename Dtype>
const BnMath<Dtype>& BnMathOnHost() {
  static const HostMath<Dtype> math;
  return math;
}

template <typename Dtype>
const BnMath<Dtype>*& BnMathOnDevice() {
  static const BnMath<Dtype>* math = nullptr;
  return math;
}

template const BnMath<float>& BnMathOnHost<float>();
template const BnMath<double>& BnMathOnHost<double>();
template const BnMath<float>*& BnMathOnDevice<float>();
template const BnMath<double>*& BnMathOnDevice<double>();

}  // namespace two_stream
