#ifndef TWO_STREAM_MEMORY_CONVOLUTION_LAYER_HPP_
#define TWO_STREAM_MEMORY_CONVOLUTION_LAYER_HPP_

#include <vector>

#include "caffe/layers/conv_layer.hpp"
#include "caffe_ext/memory/lent.hpp"

namespace two_stream {

// Caffe's Convolution with a column buffer that a net lends to all its
// convolutions in turn (Caffe's own buffer is private, one a layer). The same
// BLAS calls on the same operands in the same order, so the same bits. On a GPU
// it is Caffe's.
//
// Unlike Caffe's, it doesn't allocate the gradient of a bottom that needs none.
template <typename Dtype>
class ConvolutionLayer : public caffe::ConvolutionLayer<Dtype>,
                         public ScratchBorrower,
                         public ImageByImage {
 public:
  explicit ConvolutionLayer(const caffe::LayerParameter& param)
      : caffe::ConvolutionLayer<Dtype>(param) {}

  void Reshape(const std::vector<caffe::Blob<Dtype>*>& bottom,
               const std::vector<caffe::Blob<Dtype>*>& top) override;

  // The column matrix of one image: kernel_size_ x columns_ for each group.
  size_t ScratchBytes() const override;
  void LendScratch(const SyncedMemoryPtr& scratch) override;
  Images ImagesOfCall() const override;

 protected:
  void Forward_cpu(const std::vector<caffe::Blob<Dtype>*>& bottom,
                   const std::vector<caffe::Blob<Dtype>*>& top) override;
  void Backward_cpu(const std::vector<caffe::Blob<Dtype>*>& top,
                    const std::vector<bool>& propagate_down,
                    const std::vector<caffe::Blob<Dtype>*>& bottom) override;

 private:
  Dtype* Columns();
  void ImageToColumns(const Dtype* image, Dtype* columns) const;
  void ColumnsToImage(const Dtype* columns, Dtype* image) const;
  // The matrix products of one image; one a group.
  void ForwardImage(const Dtype* image, const Dtype* weights, Dtype* output);
  void WeightGradient(const Dtype* image, const Dtype* output_diff,
                      Dtype* weight_diff);
  void ImageGradient(const Dtype* output_diff, const Dtype* weights,
                     Dtype* image_diff);

  int kernel_size_ = 0;  // input channels of a group x kernel positions
  int columns_ = 0;      // output positions
  bool one_image_blob_ = false;
  std::vector<int> input_shape_;   // channels, height, width
  std::vector<int> column_shape_;  // rows of all groups, output height, width
  SyncedMemoryPtr lent_;
  SyncedMemoryPtr own_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_MEMORY_CONVOLUTION_LAYER_HPP_
