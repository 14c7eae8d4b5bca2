#include <algorithm>
#include <map>
#include <mutex>
#include <sstream>
#include <tuple>
#include <vector>

#include "caffe/util/device_alternate.hpp"
#include "caffe_ext/common/error.hpp"
#include "caffe_ext/cudnn/context.hpp"
#include "caffe_ext/cudnn/convolution.hpp"
#include "caffe_ext/cudnn/settings.hpp"

namespace two_stream {

using caffe::cudnn::dataType;

std::array<int, 16> ConvolutionShape::Key() const {
  return {num,        group,     channels,    height,     width,  outputs,
          out_height, out_width, kernel[0],   kernel[1],  pad[0], pad[1],
          stride[0],  stride[1], dilation[0], dilation[1]};
}

std::string ConvolutionShape::Describe() const {
  std::ostringstream text;
  text << num << "x" << channels << "x" << height << "x" << width << " -> "
       << outputs << "x" << out_height << "x" << out_width << ", kernel "
       << kernel[0] << "x" << kernel[1];
  return text.str();
}

// Memory to measure in: the limit, or as near to it as the GPU has room for.
static void GrowTowards(size_t limit, DeviceBuffer* buffer) {
  while (limit > 0 && !buffer->Grow(limit)) limit /= 2;
}

template <typename Dtype>
typename CudnnConvolution<Dtype>::Tensor CudnnConvolution<Dtype>::MakeTensor(
    int n, int c, int h, int w) {
  cudnnTensorDescriptor_t descriptor;
  CUDNN_CHECK(cudnnCreateTensorDescriptor(&descriptor));
  CUDNN_CHECK(cudnnSetTensor4dDescriptor(descriptor, CUDNN_TENSOR_NCHW,
                                         dataType<Dtype>::type, n, c, h, w));
  return Tensor(descriptor);
}

template <typename Dtype>
CudnnConvolution<Dtype>::CudnnConvolution(const ConvolutionShape& s)
    : shape_(s),
      x_(MakeTensor(s.num, s.channels, s.height, s.width)),
      y_(MakeTensor(s.num, s.outputs, s.out_height, s.out_width)),
      bias_(MakeTensor(1, s.outputs, 1, 1)) {
  cudnnFilterDescriptor_t filter;
  CUDNN_CHECK(cudnnCreateFilterDescriptor(&filter));
  filter_.reset(filter);
  CUDNN_CHECK(cudnnSetFilter4dDescriptor(
      filter, dataType<Dtype>::type, CUDNN_TENSOR_NCHW, s.outputs,
      s.channels / s.group, s.kernel[0], s.kernel[1]));

  cudnnConvolutionDescriptor_t convolution;
  CUDNN_CHECK(cudnnCreateConvolutionDescriptor(&convolution));
  convolution_.reset(convolution);
  CUDNN_CHECK(cudnnSetConvolution2dDescriptor(
      convolution, s.pad[0], s.pad[1], s.stride[0], s.stride[1], s.dilation[0],
      s.dilation[1], CUDNN_CROSS_CORRELATION, dataType<Dtype>::type));
  CUDNN_CHECK(cudnnSetConvolutionGroupCount(convolution, s.group));
  if (std::is_same<Dtype, float>::value) {
    CUDNN_CHECK(cudnnSetConvolutionMathType(convolution, CUDNN_FMA_MATH));
  }
}

template <typename Dtype>
template <typename Perf, typename Measure, typename Guess>
Perf CudnnConvolution<Dtype>::Algorithm(const char* pass,
                                        const Measure& measure,
                                        const Guess& guess) {
  // A Perf type belongs to one pass.
  using Key = std::tuple<std::string, size_t, bool, std::array<int, 16>>;
  static std::mutex mutex;
  static std::map<Key, Perf> chosen;

  const CudnnSettings settings = CudnnSettings::Get();
  CudnnContext& context = CudnnContext::Current();
  size_t limit = settings.workspace_limit;
  for (;;) {
    const Key key(context.model(), limit, settings.repeatable, shape_.Key());
    Perf perf;
    bool known;
    {
      std::lock_guard<std::mutex> lock(mutex);
      const auto found = chosen.find(key);
      known = found != chosen.end();
      if (known) perf = found->second;
    }
    if (!known) {
      std::vector<Perf> proposals;
      if (settings.repeatable) {
        proposals = guess();
      } else {
        DeviceBuffer room;
        GrowTowards(limit, &room);
        proposals = measure(room);
        // Candidates that failed may have left an error behind, for which
        // Caffe's next kernel would be blamed.
        cudaGetLastError();
      }
      const Perf* best = ChooseAlgorithm(proposals, limit);
      if (!best) {
        throw UserError(
            std::string("cuDNN has no algorithm for the ") + pass +
            " pass of " + shape_.Describe() + " within a workspace of " +
            std::to_string(limit >> 20) +
            " MB: raise richness in the solver, take a smaller batch, or set "
            "engine: CAFFE in the layer");
      }
      // Of two ranks that measure at the same time, the first decides.
      std::lock_guard<std::mutex> lock(mutex);
      perf = chosen.emplace(key, *best).first->second;
    }
    if (context.workspace().Grow(perf.memory)) return perf;
    limit = std::min(limit, perf.memory - 1);  // the GPU is full: take less
  }
}

template <typename Dtype>
void CudnnConvolution<Dtype>::Forward(const Dtype* x, const Dtype* w,
                                      Dtype* y) {
  using Perf = cudnnConvolutionFwdAlgoPerf_t;
  CudnnContext& context = CudnnContext::Current();
  const int most = CUDNN_CONVOLUTION_FWD_ALGO_COUNT;
  int count = 0;
  std::vector<Perf> perfs(most);
  const auto measure = [&](const DeviceBuffer& room) {
    CUDNN_CHECK(cudnnFindConvolutionForwardAlgorithmEx(
        context.handle(), x_.get(), x, filter_.get(), w, convolution_.get(),
        y_.get(), y, most, &count, perfs.data(), room.data(), room.size()));
    perfs.resize(count);
    return perfs;
  };
  const auto guess = [&] {
    CUDNN_CHECK(cudnnGetConvolutionForwardAlgorithm_v7(
        context.handle(), x_.get(), filter_.get(), convolution_.get(), y_.get(),
        most, &count, perfs.data()));
    perfs.resize(count);
    return perfs;
  };
  const Perf perf = Algorithm<Perf>("forward", measure, guess);
  CUDNN_CHECK(cudnnConvolutionForward(
      context.handle(), dataType<Dtype>::one, x_.get(), x, filter_.get(), w,
      convolution_.get(), perf.algo, context.workspace().data(), perf.memory,
      dataType<Dtype>::zero, y_.get(), y));
}

template <typename Dtype>
void CudnnConvolution<Dtype>::AddBias(const Dtype* b, Dtype* y) {
  CUDNN_CHECK(cudnnAddTensor(CudnnContext::Current().handle(),
                             dataType<Dtype>::one, bias_.get(), b,
                             dataType<Dtype>::one, y_.get(), y));
}

template <typename Dtype>
void CudnnConvolution<Dtype>::BackwardBias(const Dtype* dy, Dtype* db) {
  CUDNN_CHECK(cudnnConvolutionBackwardBias(
      CudnnContext::Current().handle(), dataType<Dtype>::one, y_.get(), dy,
      dataType<Dtype>::one, bias_.get(), db));
}

template <typename Dtype>
void CudnnConvolution<Dtype>::BackwardFilter(const Dtype* x, const Dtype* dy,
                                             Dtype* dw) {
  using Perf = cudnnConvolutionBwdFilterAlgoPerf_t;
  CudnnContext& context = CudnnContext::Current();
  const int most = CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT;
  int count = 0;
  std::vector<Perf> perfs(most);
  const auto measure = [&](const DeviceBuffer& room) {
    // Measuring writes, and dw holds what earlier passes summed up.
    DeviceBuffer elsewhere;
    const size_t bytes = sizeof(Dtype) * shape_.outputs * shape_.kernel[0] *
                         shape_.kernel[1] * (shape_.channels / shape_.group);
    CHECK(elsewhere.Grow(bytes)) << "no GPU memory left for " << bytes
                                 << " bytes, to measure convolutions in";
    CUDNN_CHECK(cudnnFindConvolutionBackwardFilterAlgorithmEx(
        context.handle(), x_.get(), x, y_.get(), dy, convolution_.get(),
        filter_.get(), elsewhere.data(), most, &count, perfs.data(),
        room.data(), room.size()));
    perfs.resize(count);
    return perfs;
  };
  const auto guess = [&] {
    CUDNN_CHECK(cudnnGetConvolutionBackwardFilterAlgorithm_v7(
        context.handle(), x_.get(), y_.get(), convolution_.get(), filter_.get(),
        most, &count, perfs.data()));
    perfs.resize(count);
    return perfs;
  };
  const Perf perf = Algorithm<Perf>("weight gradient", measure, guess);
  CUDNN_CHECK(cudnnConvolutionBackwardFilter(
      context.handle(), dataType<Dtype>::one, x_.get(), x, y_.get(), dy,
      convolution_.get(), perf.algo, context.workspace().data(), perf.memory,
      dataType<Dtype>::one, filter_.get(), dw));
}

template <typename Dtype>
void CudnnConvolution<Dtype>::BackwardData(const Dtype* w, const Dtype* dy,
                                           Dtype* dx) {
  using Perf = cudnnConvolutionBwdDataAlgoPerf_t;
  CudnnContext& context = CudnnContext::Current();
  const int most = CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT;
  int count = 0;
  std::vector<Perf> perfs(most);
  const auto measure = [&](const DeviceBuffer& room) {
    CUDNN_CHECK(cudnnFindConvolutionBackwardDataAlgorithmEx(
        context.handle(), filter_.get(), w, y_.get(), dy, convolution_.get(),
        x_.get(), dx, most, &count, perfs.data(), room.data(), room.size()));
    perfs.resize(count);
    return perfs;
  };
  const auto guess = [&] {
    CUDNN_CHECK(cudnnGetConvolutionBackwardDataAlgorithm_v7(
        context.handle(), filter_.get(), y_.get(), convolution_.get(), x_.get(),
        most, &count, perfs.data()));
    perfs.resize(count);
    return perfs;
  };
  const Perf perf = Algorithm<Perf>("data gradient", measure, guess);
  CUDNN_CHECK(cudnnConvolutionBackwardData(
      context.handle(), dataType<Dtype>::one, filter_.get(), w, y_.get(), dy,
      convolution_.get(), perf.algo, context.workspace().data(), perf.memory,
      dataType<Dtype>::zero, x_.get(), dx));
}

template class CudnnConvolution<float>;
template class CudnnConvolution<double>;

}  // namespace two_stream
