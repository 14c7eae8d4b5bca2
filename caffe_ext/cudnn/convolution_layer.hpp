#ifndef TWO_STREAM_CUDNN_CONVOLUTION_LAYER_HPP_
#define TWO_STREAM_CUDNN_CONVOLUTION_LAYER_HPP_

#include <memory>
#include <vector>

#include "caffe/layers/conv_layer.hpp"
#include "caffe_ext/cudnn/convolution.hpp"

namespace two_stream {

// Caffe's Convolution whose GPU passes run on cuDNN 9. It is Caffe's on the
// CPU, and where a blob hasn't two spatial axes.
//
// In the registry as "CuDNNConvolution", which net files don't name: whoever
// makes a "Convolution" chooses among the engines.
template <typename Dtype>
class CudnnConvolutionLayer : public caffe::ConvolutionLayer<Dtype> {
 public:
  explicit CudnnConvolutionLayer(const caffe::LayerParameter& param)
      : caffe::ConvolutionLayer<Dtype>(param) {}

  // Also of other sizes than before; handles and memory are taken later, on the
  // GPU pass that first needs them.
  void Reshape(const std::vector<caffe::Blob<Dtype>*>& bottom,
               const std::vector<caffe::Blob<Dtype>*>& top) override;

 protected:
  void Forward_gpu(const std::vector<caffe::Blob<Dtype>*>& bottom,
                   const std::vector<caffe::Blob<Dtype>*>& top) override;
  void Backward_gpu(const std::vector<caffe::Blob<Dtype>*>& top,
                    const std::vector<bool>& propagate_down,
                    const std::vector<caffe::Blob<Dtype>*>& bottom) override;

 private:
  CudnnConvolution<Dtype>& convolution();

  ConvolutionShape shape_;
  std::unique_ptr<CudnnConvolution<Dtype>> convolution_;  // of shape_, or null
};

}  // namespace two_stream

#endif  // TWO_STREAM_CUDNN_CONVOLUTION_LAYER_HPP_
