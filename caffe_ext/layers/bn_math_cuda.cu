// Batch normalisation on the device: a block of threads a channel for sums, a
// thread a value for the rest.
#include "caffe/common.hpp"
#include "caffe_ext/layers/bn_math.hpp"

namespace two_stream {
namespace {

using caffe::CAFFE_CUDA_NUM_THREADS;
using caffe::CAFFE_GET_BLOCKS;

constexpr int kSumThreads = 256;

// Where value `i` of a channel lies.
__device__ size_t Offset(const BnShape& shape, int channel, int i) {
  const size_t run = size_t(i / shape.inner) * shape.channels + channel;
  return run * shape.inner + i % shape.inner;
}

__device__ int ChannelOf(const BnShape& shape, int index) {
  return index / shape.inner % shape.channels;
}

// The block's sum of a value of each thread, in every thread.
__device__ double BlockSum(double value) {
  __shared__ double partial[kSumThreads];
  partial[threadIdx.x] = value;
  __syncthreads();
  for (int half = kSumThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
    __syncthreads();
  }
  const double sum = partial[0];
  __syncthreads();
  return sum;
}

template <typename Dtype>
__global__ void StatisticsKernel(BnShape shape, const Dtype* x, Dtype* mean,
                                 Dtype* variance) {
  const int c = blockIdx.x;
  double sum = 0;
  for (int i = threadIdx.x; i < shape.per_channel(); i += kSumThreads) {
    sum += x[Offset(shape, c, i)];
  }
  const double average = BlockSum(sum) / shape.per_channel();
  double squares = 0;
  for (int i = threadIdx.x; i < shape.per_channel(); i += kSumThreads) {
    const double difference = x[Offset(shape, c, i)] - average;
    squares += difference * difference;
  }
  squares = BlockSum(squares);
  if (threadIdx.x == 0) {
    mean[c] = average;
    variance[c] = squares / shape.per_channel();
  }
}

template <typename Dtype>
__global__ void ParamDiffsKernel(BnShape shape, const Dtype* x, const Dtype* dy,
                                 const Dtype* mean, const Dtype* inverse_std,
                                 Dtype* scale_diff, Dtype* shift_diff) {
  const int c = blockIdx.x;
  double sum_dy = 0, sum_dy_x = 0;
  for (int i = threadIdx.x; i < shape.per_channel(); i += kSumThreads) {
    const size_t at = Offset(shape, c, i);
    sum_dy += dy[at];
    sum_dy_x += dy[at] * (x[at] - mean[c]);
  }
  sum_dy = BlockSum(sum_dy);
  sum_dy_x = BlockSum(sum_dy_x);
  if (threadIdx.x == 0) {
    scale_diff[c] = sum_dy_x * inverse_std[c];
    shift_diff[c] = sum_dy;
  }
}

template <typename Dtype>
__global__ void InverseStdKernel(int channels, const Dtype* variance, Dtype eps,
                                 Dtype* inverse_std) {
  CUDA_KERNEL_LOOP(c, channels) {
    inverse_std[c] = Dtype(1) / sqrt(variance[c] + eps);
  }
}

template <typename Dtype>
__global__ void BlendKernel(int channels, Dtype momentum, const Dtype* batch,
                            Dtype* moving) {
  CUDA_KERNEL_LOOP(c, channels) {
    moving[c] = momentum * moving[c] + (1 - momentum) * batch[c];
  }
}

template <typename Dtype>
__global__ void AddKernel(int channels, const Dtype* from, Dtype* to) {
  CUDA_KERNEL_LOOP(c, channels) { to[c] += from[c]; }
}

template <typename Dtype>
__global__ void NormalizeKernel(BnShape shape, const Dtype* x,
                                const Dtype* mean, const Dtype* inverse_std,
                                const Dtype* scale, const Dtype* shift,
                                Dtype* y) {
  CUDA_KERNEL_LOOP(i, shape.count()) {
    const int c = ChannelOf(shape, i);
    y[i] = (x[i] - mean[c]) * (scale[c] * inverse_std[c]) + shift[c];
  }
}

template <typename Dtype>
__global__ void BatchInputDiffKernel(BnShape shape, const Dtype* x,
                                     const Dtype* dy, const Dtype* mean,
                                     const Dtype* inverse_std,
                                     const Dtype* scale,
                                     const Dtype* scale_diff,
                                     const Dtype* shift_diff, Dtype* dx) {
  const Dtype share = Dtype(1) / shape.per_channel();
  CUDA_KERNEL_LOOP(i, shape.count()) {
    const int c = ChannelOf(shape, i);
    const Dtype slope = share * scale_diff[c] * inverse_std[c];
    dx[i] = scale[c] * inverse_std[c] *
            (dy[i] - share * shift_diff[c] - slope * (x[i] - mean[c]));
  }
}

template <typename Dtype>
__global__ void FixedInputDiffKernel(BnShape shape, const Dtype* dy,
                                     const Dtype* inverse_std,
                                     const Dtype* scale, Dtype* dx) {
  CUDA_KERNEL_LOOP(i, shape.count()) {
    const int c = ChannelOf(shape, i);
    dx[i] = scale[c] * inverse_std[c] * dy[i];
  }
}

template <typename Dtype>
class DeviceMath : public BnMath<Dtype> {
 public:
  void Statistics(const BnShape& shape, const Dtype* x, Dtype* mean,
                  Dtype* variance) const override {
    StatisticsKernel<<<shape.channels, kSumThreads>>>(shape, x, mean, variance);
    CUDA_POST_KERNEL_CHECK;
  }

  void InverseStd(int channels, const Dtype* variance, Dtype eps,
                  Dtype* inverse_std) const override {
    InverseStdKernel<<<CAFFE_GET_BLOCKS(channels), CAFFE_CUDA_NUM_THREADS>>>(
        channels, variance, eps, inverse_std);
    CUDA_POST_KERNEL_CHECK;
  }

  void Blend(int channels, Dtype momentum, const Dtype* batch,
             Dtype* moving) const override {
    BlendKernel<<<CAFFE_GET_BLOCKS(channels), CAFFE_CUDA_NUM_THREADS>>>(
        channels, momentum, batch, moving);
    CUDA_POST_KERNEL_CHECK;
  }

  void Normalize(const BnShape& shape, const Dtype* x, const Dtype* mean,
                 const Dtype* inverse_std, const Dtype* scale,
                 const Dtype* shift, Dtype* y) const override {
    NormalizeKernel<<<CAFFE_GET_BLOCKS(shape.count()),
                      CAFFE_CUDA_NUM_THREADS>>>(shape, x, mean, inverse_std,
                                                scale, shift, y);
    CUDA_POST_KERNEL_CHECK;
  }

  void ParamDiffs(const BnShape& shape, const Dtype* x, const Dtype* dy,
                  const Dtype* mean, const Dtype* inverse_std,
                  Dtype* scale_diff, Dtype* shift_diff) const override {
    ParamDiffsKernel<<<shape.channels, kSumThreads>>>(
        shape, x, dy, mean, inverse_std, scale_diff, shift_diff);
    CUDA_POST_KERNEL_CHECK;
  }

  void Add(int channels, const Dtype* from, Dtype* to) const override {
    AddKernel<<<CAFFE_GET_BLOCKS(channels), CAFFE_CUDA_NUM_THREADS>>>(channels,
                                                                      from, to);
    CUDA_POST_KERNEL_CHECK;
  }

  void BatchInputDiff(const BnShape& shape, const Dtype* x, const Dtype* dy,
                      const Dtype* mean, const Dtype* inverse_std,
                      const Dtype* scale, const Dtype* scale_diff,
                      const Dtype* shift_diff, Dtype* dx) const override {
    BatchInputDiffKernel<<<CAFFE_GET_BLOCKS(shape.count()),
                           CAFFE_CUDA_NUM_THREADS>>>(
        shape, x, dy, mean, inverse_std, scale, scale_diff, shift_diff, dx);
    CUDA_POST_KERNEL_CHECK;
  }

  void FixedInputDiff(const BnShape& shape, const Dtype* dy,
                      const Dtype* inverse_std, const Dtype* scale,
                      Dtype* dx) const override {
    FixedInputDiffKernel<<<CAFFE_GET_BLOCKS(shape.count()),
                           CAFFE_CUDA_NUM_THREADS>>>(shape, dy, inverse_std,
                                                     scale, dx);
    CUDA_POST_KERNEL_CHECK;
  }
};

struct Registration {
  Registration() {
    static const DeviceMath<float> single;
    static const DeviceMath<double> twice;
    BnMathOnDevice<float>() = &single;
    BnMathOnDevice<double>() = &twice;
  }
} g_registration;

}  // namespace
}  // namespace two_stream
