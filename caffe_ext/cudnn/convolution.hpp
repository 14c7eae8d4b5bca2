#ifndef TWO_STREAM_CUDNN_CONVOLUTION_HPP_
#define TWO_STREAM_CUDNN_CONVOLUTION_HPP_

#include <cudnn.h>

#include <array>
#include <memory>
#include <string>
#include <type_traits>

#include "caffe_ext/cudnn/choose_algorithm.hpp"

namespace two_stream {

// Shapes of a two-dimensional convolution, as Caffe counts them: blobs are
// num x channels x height x width, pairs are height, width.
struct ConvolutionShape {
  int num = 0;
  int group = 1;
  int channels = 0, height = 0, width = 0;
  int outputs = 0, out_height = 0, out_width = 0;
  std::array<int, 2> kernel{}, pad{}, stride{}, dilation{};

  // All of the above, to compare and to look up by.
  std::array<int, 16> Key() const;
  // "8x64x56x56 -> 128, kernel 3x3", for messages.
  std::string Describe() const;
};

template <typename Descriptor, cudnnStatus_t (*Destroy)(Descriptor)>
struct CudnnDeleter {
  void operator()(Descriptor descriptor) const { Destroy(descriptor); }
};
template <typename Descriptor, cudnnStatus_t (*Destroy)(Descriptor)>
using CudnnPtr = std::unique_ptr<std::remove_pointer_t<Descriptor>,
                                 CudnnDeleter<Descriptor, Destroy>>;

// A convolution by cuDNN on the current device. Pointers are to GPU memory; the
// calls return when the work is queued on the default stream. The algorithm of
// a pass is chosen on its first call for each shape and kept for the process,
// for all devices of a model, since ranks must get the same bits of what they
// all compute: by measurement on the operands given, or by cuDNN's heuristics
// (CudnnSettings). Those whose result depends on the order in which threads
// finish are not taken while another fits.
//
// Arithmetic is IEEE float (or double) throughout, no TF32, so that results
// agree with the CPU's to rounding.
template <typename Dtype>
class CudnnConvolution {
 public:
  explicit CudnnConvolution(const ConvolutionShape& shape);

  const ConvolutionShape& shape() const { return shape_; }

  // y = w * x
  void Forward(const Dtype* x, const Dtype* w, Dtype* y);
  // y += b, b one number an output channel
  void AddBias(const Dtype* b, Dtype* y);
  // db += sum of dy
  void BackwardBias(const Dtype* dy, Dtype* db);
  // dw += gradient
  void BackwardFilter(const Dtype* x, const Dtype* dy, Dtype* dw);
  // dx = gradient
  void BackwardData(const Dtype* w, const Dtype* dy, Dtype* dx);

 private:
  using Tensor =
      CudnnPtr<cudnnTensorDescriptor_t, cudnnDestroyTensorDescriptor>;
  static Tensor MakeTensor(int n, int c, int h, int w);
  // The perf of Pass (forward, filter, data) for these shapes, found by
  // `measure` or `guess` on the first call.
  template <typename Perf, typename Measure, typename Guess>
  Perf Algorithm(const char* pass, const Measure& measure, const Guess& guess);

  ConvolutionShape shape_;
  Tensor x_, y_, bias_;
  CudnnPtr<cudnnFilterDescriptor_t, cudnnDestroyFilterDescriptor> filter_;
  CudnnPtr<cudnnConvolutionDescriptor_t, cudnnDestroyConvolutionDescriptor>
      convolution_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_CUDNN_CONVOLUTION_HPP_
