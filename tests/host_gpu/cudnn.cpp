// cuDNN's convolution calls, by loops over the host's memory. It is as
// unhelpful as the documentation allows: measuring spoils the output it is
// given, results that aren't to be added to start as NaN, the workspace is
// overwritten to its last byte, and the fastest algorithms are those that must
// not be taken.
#include <cudnn.h>
#include <glog/logging.h>

#include <algorithm>
#include <cstring>

#include "tests/host_gpu/host_gpu.hpp"

struct cudnnContext {};
struct cudnnTensorStruct {
  cudnnDataType_t type;
  int n, c, h, w;
  size_t count() const { return size_t{1} * n * c * h * w; }
  size_t bytes() const { return count() * (type == CUDNN_DATA_FLOAT ? 4 : 8); }
};
struct cudnnFilterStruct : cudnnTensorStruct {};
struct cudnnConvolutionStruct {
  int pad[2], stride[2], dilation[2], group;
  cudnnMathType_t math;
};

namespace {

using Tensor = const cudnnTensorStruct*;
using Convolution = const cudnnConvolutionStruct*;

// Bytes of workspace of an algorithm, of whichever pass.
size_t Memory(int algorithm, Tensor y) {
  constexpr size_t kBytes[] = {0, 4 << 10, 40 << 10, 1 << 30};
  return algorithm == 1 ? kBytes[1] + y->bytes() : kBytes[algorithm];
}

template <typename Algorithm, typename Perf>
void Propose(Tensor y, size_t room, bool measured, int most, int* count,
             Perf* perfs) {
  int odd = 0;
  cudaGetDevice(&odd);
  odd %= 2;
  // Not repeatable; needs more than any limit of the tests; tensor cores; good;
  // slower, with no memory (odd devices find it faster).
  const struct {
    int algorithm;
    cudnnDeterminism_t determinism;
    cudnnMathType_t math;
  } table[] = {{2, CUDNN_NON_DETERMINISTIC, CUDNN_FMA_MATH},
               {3, CUDNN_DETERMINISTIC, CUDNN_FMA_MATH},
               {2, CUDNN_DETERMINISTIC, CUDNN_TENSOR_OP_MATH},
               {1 - odd, CUDNN_DETERMINISTIC, CUDNN_FMA_MATH},
               {odd, CUDNN_DETERMINISTIC, CUDNN_DEFAULT_MATH}};
  *count = 0;
  for (const auto& row : table) {
    if (*count == most) return;
    if (row.algorithm == 0 && !two_stream::HostGpu::Get().without_workspace) {
      continue;
    }
    Perf& perf = perfs[(*count)++];
    perf.algo = static_cast<Algorithm>(row.algorithm);
    perf.memory = Memory(row.algorithm, y);
    const bool fits = !measured || perf.memory <= room;
    perf.status = fits ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
    perf.time = measured && fits ? *count : -1;
    perf.determinism = row.determinism;
    perf.mathType = row.math;
  }
}

void Spoil(void* memory, size_t bytes) {
  two_stream::RequireOnDevice(memory, bytes);
  std::memset(memory, 0xff, bytes);
}

void UseWorkspace(int algorithm, Convolution conv, Tensor y, void* workspace,
                  size_t bytes) {
  CHECK(algorithm == 0 || algorithm == 1) << "not one to take: " << algorithm;
  CHECK_GE(bytes, Memory(algorithm, y));
  if (y->type == CUDNN_DATA_FLOAT) CHECK_EQ(conv->math, CUDNN_FMA_MATH);
  Spoil(workspace, bytes);
}

template <typename T>
T Scalar(const void* value) {
  return *static_cast<const T*>(value);
}

// Starts an output: zeros to add to, or what is there.
template <typename T>
void Begin(Tensor tensor, const void* beta, void* memory) {
  two_stream::RequireOnDevice(memory, tensor->bytes());
  T* values = static_cast<T*>(memory);
  CHECK(Scalar<T>(beta) == 0 || Scalar<T>(beta) == 1);
  if (Scalar<T>(beta) == 0) std::fill_n(values, tensor->count(), T(0));
}

// Calls visit(index in x, in w, in y) for each product of the convolution.
template <typename Visit>
void EachProduct(Tensor x, Tensor w, Convolution conv, Tensor y,
                 const Visit& visit) {
  CHECK_EQ(x->c, w->c * conv->group);
  CHECK_EQ(y->c, w->n);
  CHECK_EQ(x->n, y->n);
  const int outputs = y->c / conv->group;
  for (int n = 0; n < y->n; ++n)
    for (int o = 0; o < y->c; ++o)
      for (int row = 0; row < y->h; ++row)
        for (int column = 0; column < y->w; ++column)
          for (int c = 0; c < w->c; ++c)
            for (int i = 0; i < w->h; ++i)
              for (int j = 0; j < w->w; ++j) {
                const int from = o / outputs * w->c + c;
                const int at = row * conv->stride[0] - conv->pad[0] +
                               i * conv->dilation[0];
                const int across = column * conv->stride[1] - conv->pad[1] +
                                   j * conv->dilation[1];
                if (at < 0 || at >= x->h || across < 0 || across >= x->w)
                  continue;
                visit(((n * x->c + from) * x->h + at) * x->w + across,
                      ((o * w->c + c) * w->h + i) * w->w + j,
                      ((n * y->c + o) * y->h + row) * y->w + column);
              }
}

template <typename T>
void Forward(Tensor x, const void* xs, Tensor w, const void* ws,
             Convolution conv, const void* beta, Tensor y, void* ys) {
  two_stream::RequireOnDevice(xs, x->bytes());
  two_stream::RequireOnDevice(ws, w->bytes());
  Begin<T>(y, beta, ys);
  EachProduct(x, w, conv, y, [&](int i, int j, int k) {
    static_cast<T*>(ys)[k] +=
        static_cast<const T*>(xs)[i] * static_cast<const T*>(ws)[j];
  });
}

template <typename T>
void BackwardFilter(Tensor x, const void* xs, Tensor y, const void* ys,
                    Convolution conv, const void* beta, Tensor w, void* ws) {
  two_stream::RequireOnDevice(xs, x->bytes());
  two_stream::RequireOnDevice(ys, y->bytes());
  Begin<T>(w, beta, ws);
  EachProduct(x, w, conv, y, [&](int i, int j, int k) {
    static_cast<T*>(ws)[j] +=
        static_cast<const T*>(xs)[i] * static_cast<const T*>(ys)[k];
  });
}

template <typename T>
void BackwardData(Tensor w, const void* ws, Tensor y, const void* ys,
                  Convolution conv, const void* beta, Tensor x, void* xs) {
  two_stream::RequireOnDevice(ws, w->bytes());
  two_stream::RequireOnDevice(ys, y->bytes());
  Begin<T>(x, beta, xs);
  EachProduct(x, w, conv, y, [&](int i, int j, int k) {
    static_cast<T*>(xs)[i] +=
        static_cast<const T*>(ws)[j] * static_cast<const T*>(ys)[k];
  });
}

// One number a channel: added to all of y, or summed over all of it.
template <typename Each>
void EachChannel(Tensor y, const Each& each) {
  for (size_t i = 0; i < y->count(); ++i) {
    each(i / (size_t{1} * y->h * y->w) % y->c, i);
  }
}

template <typename T>
void AddBias(Tensor y, const void* bias, void* ys) {
  EachChannel(y, [&](int channel, size_t i) {
    static_cast<T*>(ys)[i] += static_cast<const T*>(bias)[channel];
  });
}

template <typename T>
void SumChannels(Tensor y, const void* ys, void* sums) {
  EachChannel(y, [&](int channel, size_t i) {
    static_cast<T*>(sums)[channel] += static_cast<const T*>(ys)[i];
  });
}

}  // namespace

#define BY_TYPE(tensor, Function, ...)                                  \
  ((tensor)->type == CUDNN_DATA_FLOAT ? Function<float>(__VA_ARGS__)    \
                                      : Function<double>(__VA_ARGS__)); \
  return CUDNN_STATUS_SUCCESS

extern "C" {

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  *handle = new cudnnContext;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  delete handle;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* made) {
  *made = new cudnnTensorStruct;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t tensor,
                                         cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c,
                                         int h, int w) {
  CHECK_EQ(format, CUDNN_TENSOR_NCHW);
  *tensor = {type, n, c, h, w};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t tensor) {
  delete tensor;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* made) {
  *made = new cudnnFilterStruct;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t filter,
                                         cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k,
                                         int c, int h, int w) {
  return cudnnSetTensor4dDescriptor(filter, format, type, k, c, h, w);
}
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t filter) {
  delete filter;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnCreateConvolutionDescriptor(
    cudnnConvolutionDescriptor_t* made) {
  *made = new cudnnConvolutionStruct{};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t conv,
                                              int pad_h, int pad_w,
                                              int stride_h, int stride_w,
                                              int dilation_h, int dilation_w,
                                              cudnnConvolutionMode_t mode,
                                              cudnnDataType_t) {
  CHECK_EQ(mode, CUDNN_CROSS_CORRELATION);
  *conv = {{pad_h, pad_w},
           {stride_h, stride_w},
           {dilation_h, dilation_w},
           1,
           CUDNN_DEFAULT_MATH};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t conv,
                                            int count) {
  conv->group = count;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t conv,
                                          cudnnMathType_t math) {
  conv->math = math;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyConvolutionDescriptor(
    cudnnConvolutionDescriptor_t conv) {
  delete conv;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(
    cudnnHandle_t, cudnnTensorDescriptor_t, cudnnFilterDescriptor_t,
    cudnnConvolutionDescriptor_t, cudnnTensorDescriptor_t y, int most,
    int* count, cudnnConvolutionFwdAlgoPerf_t* perfs) {
  Propose<cudnnConvolutionFwdAlgo_t>(y, 0, false, most, count, perfs);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnFindConvolutionForwardAlgorithmEx(
    cudnnHandle_t, cudnnTensorDescriptor_t, const void*,
    cudnnFilterDescriptor_t, const void*, cudnnConvolutionDescriptor_t conv,
    cudnnTensorDescriptor_t y, void* ys, int most, int* count,
    cudnnConvolutionFwdAlgoPerf_t* perfs, void* workspace, size_t room) {
  Spoil(ys, y->bytes());
  Spoil(workspace, room);
  Propose<cudnnConvolutionFwdAlgo_t>(y, room, true, most, count, perfs);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t, const void*,
                                      cudnnTensorDescriptor_t x, const void* xs,
                                      cudnnFilterDescriptor_t w, const void* ws,
                                      cudnnConvolutionDescriptor_t conv,
                                      cudnnConvolutionFwdAlgo_t algorithm,
                                      void* workspace, size_t bytes,
                                      const void* beta,
                                      cudnnTensorDescriptor_t y, void* ys) {
  UseWorkspace(algorithm, conv, y, workspace, bytes);
  BY_TYPE(x, Forward, x, xs, w, ws, conv, beta, y, ys);
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(
    cudnnHandle_t, cudnnTensorDescriptor_t, cudnnTensorDescriptor_t y,
    cudnnConvolutionDescriptor_t, cudnnFilterDescriptor_t, int most, int* count,
    cudnnConvolutionBwdFilterAlgoPerf_t* perfs) {
  Propose<cudnnConvolutionBwdFilterAlgo_t>(y, 0, false, most, count, perfs);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnFindConvolutionBackwardFilterAlgorithmEx(
    cudnnHandle_t, cudnnTensorDescriptor_t, const void*,
    cudnnTensorDescriptor_t y, const void*, cudnnConvolutionDescriptor_t conv,
    cudnnFilterDescriptor_t w, void* ws, int most, int* count,
    cudnnConvolutionBwdFilterAlgoPerf_t* perfs, void* workspace, size_t room) {
  Spoil(ws, w->bytes());
  Spoil(workspace, room);
  Propose<cudnnConvolutionBwdFilterAlgo_t>(y, room, true, most, count, perfs);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnConvolutionBackwardFilter(
    cudnnHandle_t, const void*, cudnnTensorDescriptor_t x, const void* xs,
    cudnnTensorDescriptor_t y, const void* ys,
    cudnnConvolutionDescriptor_t conv,
    cudnnConvolutionBwdFilterAlgo_t algorithm, void* workspace, size_t bytes,
    const void* beta, cudnnFilterDescriptor_t w, void* ws) {
  UseWorkspace(algorithm, conv, y, workspace, bytes);
  BY_TYPE(x, BackwardFilter, x, xs, y, ys, conv, beta, w, ws);
}

cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(
    cudnnHandle_t, cudnnFilterDescriptor_t, cudnnTensorDescriptor_t y,
    cudnnConvolutionDescriptor_t, cudnnTensorDescriptor_t, int most, int* count,
    cudnnConvolutionBwdDataAlgoPerf_t* perfs) {
  Propose<cudnnConvolutionBwdDataAlgo_t>(y, 0, false, most, count, perfs);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnFindConvolutionBackwardDataAlgorithmEx(
    cudnnHandle_t, cudnnFilterDescriptor_t, const void*,
    cudnnTensorDescriptor_t y, const void*, cudnnConvolutionDescriptor_t conv,
    cudnnTensorDescriptor_t x, void* xs, int most, int* count,
    cudnnConvolutionBwdDataAlgoPerf_t* perfs, void* workspace, size_t room) {
  Spoil(xs, x->bytes());
  Spoil(workspace, room);
  Propose<cudnnConvolutionBwdDataAlgo_t>(y, room, true, most, count, perfs);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnConvolutionBackwardData(
    cudnnHandle_t, const void*, cudnnFilterDescriptor_t w, const void* ws,
    cudnnTensorDescriptor_t y, const void* ys,
    cudnnConvolutionDescriptor_t conv, cudnnConvolutionBwdDataAlgo_t algorithm,
    void* workspace, size_t bytes, const void* beta, cudnnTensorDescriptor_t x,
    void* xs) {
  UseWorkspace(algorithm, conv, y, workspace, bytes);
  BY_TYPE(x, BackwardData, w, ws, y, ys, conv, beta, x, xs);
}

cudnnStatus_t cudnnAddTensor(cudnnHandle_t, const void*,
                             cudnnTensorDescriptor_t b, const void* bias,
                             const void*, cudnnTensorDescriptor_t y, void* ys) {
  CHECK(b->n == 1 && b->c == y->c && b->h == 1 && b->w == 1);
  two_stream::RequireOnDevice(bias, b->bytes());
  two_stream::RequireOnDevice(ys, y->bytes());
  BY_TYPE(y, AddBias, y, bias, ys);
}

cudnnStatus_t cudnnConvolutionBackwardBias(cudnnHandle_t, const void*,
                                           cudnnTensorDescriptor_t y,
                                           const void* ys, const void*,
                                           cudnnTensorDescriptor_t b,
                                           void* sums) {
  CHECK(b->n == 1 && b->c == y->c && b->h == 1 && b->w == 1);
  two_stream::RequireOnDevice(ys, y->bytes());
  two_stream::RequireOnDevice(sums, b->bytes());
  BY_TYPE(y, SumChannels, y, ys, sums);
}

}  // extern "C"
