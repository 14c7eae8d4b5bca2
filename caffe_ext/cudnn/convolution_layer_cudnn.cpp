#include <algorithm>

#include "caffe_ext/common/register_layer.hpp"
#include "caffe_ext/cudnn/convolution_layer.hpp"

namespace two_stream {

using caffe::Blob;
using std::vector;

constexpr int kSpatialAxes = 2;

template <typename Dtype>
void CudnnConvolutionLayer<Dtype>::Reshape(const vector<Blob<Dtype>*>& bottom,
                                           const vector<Blob<Dtype>*>& top) {
  caffe::ConvolutionLayer<Dtype>::Reshape(bottom, top);
  if (this->num_spatial_axes_ != kSpatialAxes) return;
  ConvolutionShape shape;
  const int axis = this->channel_axis_;
  shape.num = this->num_;
  shape.group = this->group_;
  shape.channels = this->channels_;
  shape.height = bottom[0]->shape(axis + 1);
  shape.width = bottom[0]->shape(axis + 2);
  shape.outputs = this->num_output_;
  shape.out_height = this->output_shape_[0];
  shape.out_width = this->output_shape_[1];
  const auto pair = [](const Blob<int>& blob, std::array<int, 2>* to) {
    std::copy_n(blob.cpu_data(), kSpatialAxes, to->begin());
  };
  pair(this->kernel_shape_, &shape.kernel);
  pair(this->pad_, &shape.pad);
  pair(this->stride_, &shape.stride);
  pair(this->dilation_, &shape.dilation);
  if (shape.Key() == shape_.Key()) return;
  shape_ = shape;
  convolution_.reset();
}

template <typename Dtype>
CudnnConvolution<Dtype>& CudnnConvolutionLayer<Dtype>::convolution() {
  if (!convolution_) {
    convolution_ = std::make_unique<CudnnConvolution<Dtype>>(shape_);
  }
  return *convolution_;
}

template <typename Dtype>
void CudnnConvolutionLayer<Dtype>::Forward_gpu(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  if (this->num_spatial_axes_ != kSpatialAxes) {
    return caffe::ConvolutionLayer<Dtype>::Forward_gpu(bottom, top);
  }
  const Dtype* weights = this->blobs_[0]->gpu_data();
  for (size_t i = 0; i < bottom.size(); ++i) {
    Dtype* output = top[i]->mutable_gpu_data();
    convolution().Forward(bottom[i]->gpu_data(), weights, output);
    if (this->bias_term_) {
      convolution().AddBias(this->blobs_[1]->gpu_data(), output);
    }
  }
}

template <typename Dtype>
void CudnnConvolutionLayer<Dtype>::Backward_gpu(
    const vector<Blob<Dtype>*>& top, const vector<bool>& propagate_down,
    const vector<Blob<Dtype>*>& bottom) {
  if (this->num_spatial_axes_ != kSpatialAxes) {
    return caffe::ConvolutionLayer<Dtype>::Backward_gpu(top, propagate_down,
                                                        bottom);
  }
  for (size_t i = 0; i < top.size(); ++i) {
    const Dtype* output_diff = top[i]->gpu_diff();
    if (this->bias_term_ && this->param_propagate_down_[1]) {
      convolution().BackwardBias(output_diff,
                                 this->blobs_[1]->mutable_gpu_diff());
    }
    if (this->param_propagate_down_[0]) {
      convolution().BackwardFilter(bottom[i]->gpu_data(), output_diff,
                                   this->blobs_[0]->mutable_gpu_diff());
    }
    if (propagate_down[i]) {
      convolution().BackwardData(this->blobs_[0]->gpu_data(), output_diff,
                                 bottom[i]->mutable_gpu_diff());
    }
  }
}

TWO_STREAM_REGISTER_LAYER(CuDNNConvolution, CudnnConvolutionLayer);

}  // namespace two_stream
