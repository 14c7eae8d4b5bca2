#include "caffe_ext/memory/convolution_layer.hpp"

#include <boost/make_shared.hpp>

#include "caffe/util/im2col.hpp"
#include "caffe/util/math_functions.hpp"
#include "caffe_ext/common/register_layer.hpp"

namespace two_stream {

using caffe::Blob;
using std::vector;

template <typename Dtype>
void ConvolutionLayer<Dtype>::Reshape(const vector<Blob<Dtype>*>& bottom,
                                      const vector<Blob<Dtype>*>& top) {
  caffe::ConvolutionLayer<Dtype>::Reshape(bottom, top);
  const int axis = this->channel_axis_;
  kernel_size_ = this->blobs_[0]->count(1);
  columns_ = top[0]->count(axis + 1);
  input_shape_.assign(bottom[0]->shape().begin() + axis,
                      bottom[0]->shape().end());
  column_shape_.assign(1, kernel_size_ * this->group_);
  column_shape_.insert(column_shape_.end(), this->output_shape_.begin(),
                       this->output_shape_.end());
  one_image_blob_ = bottom.size() == 1;
}

template <typename Dtype>
size_t ConvolutionLayer<Dtype>::ScratchBytes() const {
  if (this->is_1x1_) return 0;  // the image is its own column matrix
  return sizeof(Dtype) * kernel_size_ * this->group_ * columns_;
}

template <typename Dtype>
void ConvolutionLayer<Dtype>::LendScratch(const SyncedMemoryPtr& scratch) {
  lent_ = scratch;
  own_.reset();
}

template <typename Dtype>
ImageByImage::Images ConvolutionLayer<Dtype>::ImagesOfCall() const {
  Images images;
  // A 1 x 1 kernel reads the image while it writes the output.
  if (this->is_1x1_ || !one_image_blob_) return images;
  images.count = this->num_;
  images.bottom_bytes = sizeof(Dtype) * this->bottom_dim_;
  images.top_bytes = sizeof(Dtype) * this->top_dim_;
  return images;
}

template <typename Dtype>
Dtype* ConvolutionLayer<Dtype>::Columns() {
  const size_t bytes = ScratchBytes();
  if (lent_) {
    CHECK_GE(lent_->size(), bytes) << this->layer_param_.name();
    return static_cast<Dtype*>(lent_->mutable_cpu_data());
  }
  if (!own_ || own_->size() < bytes) {
    own_ = boost::make_shared<caffe::SyncedMemory>(bytes);
  }
  return static_cast<Dtype*>(own_->mutable_cpu_data());
}

template <typename Dtype>
void ConvolutionLayer<Dtype>::ImageToColumns(const Dtype* image,
                                             Dtype* columns) const {
  const int* kernel = this->kernel_shape_.cpu_data();
  const int* pad = this->pad_.cpu_data();
  const int* stride = this->stride_.cpu_data();
  const int* dilation = this->dilation_.cpu_data();
  if (this->num_spatial_axes_ == 2 && !this->force_nd_im2col_) {
    caffe::im2col_cpu(image, input_shape_[0], input_shape_[1], input_shape_[2],
                      kernel[0], kernel[1], pad[0], pad[1], stride[0],
                      stride[1], dilation[0], dilation[1], columns);
  } else {
    caffe::im2col_nd_cpu(image, this->num_spatial_axes_, input_shape_.data(),
                         column_shape_.data(), kernel, pad, stride, dilation,
                         columns);
  }
}

template <typename Dtype>
void ConvolutionLayer<Dtype>::ColumnsToImage(const Dtype* columns,
                                             Dtype* image) const {
  const int* kernel = this->kernel_shape_.cpu_data();
  const int* pad = this->pad_.cpu_data();
  const int* stride = this->stride_.cpu_data();
  const int* dilation = this->dilation_.cpu_data();
  if (this->num_spatial_axes_ == 2 && !this->force_nd_im2col_) {
    caffe::col2im_cpu(columns, input_shape_[0], input_shape_[1],
                      input_shape_[2], kernel[0], kernel[1], pad[0], pad[1],
                      stride[0], stride[1], dilation[0], dilation[1], image);
  } else {
    caffe::col2im_nd_cpu(columns, this->num_spatial_axes_, input_shape_.data(),
                         column_shape_.data(), kernel, pad, stride, dilation,
                         image);
  }
}

template <typename Dtype>
void ConvolutionLayer<Dtype>::ForwardImage(const Dtype* image,
                                           const Dtype* weights,
                                           Dtype* output) {
  const Dtype* columns = image;
  if (!this->is_1x1_) {
    Dtype* buffer = Columns();
    ImageToColumns(image, buffer);
    columns = buffer;
  }
  const int outputs = this->num_output_ / this->group_;
  for (int g = 0; g < this->group_; ++g) {
    caffe::caffe_cpu_gemm<Dtype>(CblasNoTrans, CblasNoTrans, outputs, columns_,
                                 kernel_size_, Dtype(1),
                                 weights + g * outputs * kernel_size_,
                                 columns + g * kernel_size_ * columns_,
                                 Dtype(0), output + g * outputs * columns_);
  }
}

template <typename Dtype>
void ConvolutionLayer<Dtype>::WeightGradient(const Dtype* image,
                                             const Dtype* output_diff,
                                             Dtype* weight_diff) {
  const Dtype* columns = image;
  if (!this->is_1x1_) {
    Dtype* buffer = Columns();
    ImageToColumns(image, buffer);
    columns = buffer;
  }
  const int outputs = this->num_output_ / this->group_;
  for (int g = 0; g < this->group_; ++g) {
    caffe::caffe_cpu_gemm<Dtype>(
        CblasNoTrans, CblasTrans, outputs, kernel_size_, columns_, Dtype(1),
        output_diff + g * outputs * columns_,
        columns + g * kernel_size_ * columns_, Dtype(1),
        weight_diff + g * outputs * kernel_size_);
  }
}

template <typename Dtype>
void ConvolutionLayer<Dtype>::ImageGradient(const Dtype* output_diff,
                                            const Dtype* weights,
                                            Dtype* image_diff) {
  Dtype* columns = this->is_1x1_ ? image_diff : Columns();
  const int outputs = this->num_output_ / this->group_;
  for (int g = 0; g < this->group_; ++g) {
    caffe::caffe_cpu_gemm<Dtype>(CblasTrans, CblasNoTrans, kernel_size_,
                                 columns_, outputs, Dtype(1),
                                 weights + g * outputs * kernel_size_,
                                 output_diff + g * outputs * columns_, Dtype(0),
                                 columns + g * kernel_size_ * columns_);
  }
  if (!this->is_1x1_) ColumnsToImage(columns, image_diff);
}

template <typename Dtype>
void ConvolutionLayer<Dtype>::Forward_cpu(const vector<Blob<Dtype>*>& bottom,
                                          const vector<Blob<Dtype>*>& top) {
  const Dtype* weights = this->blobs_[0]->cpu_data();
  for (size_t i = 0; i < bottom.size(); ++i) {
    const Dtype* images = bottom[i]->cpu_data();
    Dtype* outputs = top[i]->mutable_cpu_data();
    for (int n = 0; n < this->num_; ++n) {
      Dtype* output = outputs + n * this->top_dim_;
      ForwardImage(images + n * this->bottom_dim_, weights, output);
      if (this->bias_term_) {
        this->forward_cpu_bias(output, this->blobs_[1]->cpu_data());
      }
    }
  }
}

template <typename Dtype>
void ConvolutionLayer<Dtype>::Backward_cpu(const vector<Blob<Dtype>*>& top,
                                           const vector<bool>& propagate_down,
                                           const vector<Blob<Dtype>*>& bottom) {
  const bool learn_weights = this->param_propagate_down_[0];
  const bool learn_bias = this->bias_term_ && this->param_propagate_down_[1];
  for (size_t i = 0; i < top.size(); ++i) {
    const Dtype* output_diffs = top[i]->cpu_diff();
    if (learn_bias) {
      Dtype* bias_diff = this->blobs_[1]->mutable_cpu_diff();
      for (int n = 0; n < this->num_; ++n) {
        this->backward_cpu_bias(bias_diff, output_diffs + n * this->top_dim_);
      }
    }
    // All that image n needs is read before its gradient is written.
    for (int n = 0; n < this->num_; ++n) {
      const Dtype* output_diff = output_diffs + n * this->top_dim_;
      if (learn_weights) {
        WeightGradient(bottom[i]->cpu_data() + n * this->bottom_dim_,
                       output_diff, this->blobs_[0]->mutable_cpu_diff());
      }
      if (propagate_down[i]) {
        ImageGradient(output_diff, this->blobs_[0]->cpu_data(),
                      bottom[i]->mutable_cpu_diff() + n * this->bottom_dim_);
      }
    }
  }
}

// On a GPU, the cuDNN convolution if one is registered under that name.
template <typename Dtype>
static boost::shared_ptr<caffe::Layer<Dtype>> MakeConvolution(
    const caffe::LayerParameter& param) {
  auto& registry = caffe::LayerRegistry<Dtype>::Registry();
  const auto cudnn = registry.find("CuDNNConvolution");
  if (caffe::Caffe::mode() == caffe::Caffe::GPU && cudnn != registry.end() &&
      param.convolution_param().engine() !=
          caffe::ConvolutionParameter_Engine_CAFFE) {
    return cudnn->second(param);
  }
  return boost::make_shared<ConvolutionLayer<Dtype>>(param);
}

static LayerRegistration<float> g_convolution_f("Convolution",
                                                MakeConvolution<float>);
static LayerRegistration<double> g_convolution_d("Convolution",
                                                 MakeConvolution<double>);
template class ConvolutionLayer<float>;
template class ConvolutionLayer<double>;

}  // namespace two_stream
