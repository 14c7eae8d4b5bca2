#ifndef TWO_STREAM_MEMORY_RELU_LAYER_HPP_
#define TWO_STREAM_MEMORY_RELU_LAYER_HPP_

#include <vector>

#include "caffe/layers/relu_layer.hpp"
#include "caffe_ext/memory/lent.hpp"

namespace two_stream {

// Caffe's ReLU that can keep one bit an input for its backward pass. A
// convolution that only pooling or Concat reads then needs no activations
// between forward and backward. Same bits as Caffe's; on a GPU it is Caffe's.
template <typename Dtype>
class ReLULayer : public caffe::ReLULayer<Dtype>, public SignKeeper {
 public:
  explicit ReLULayer(const caffe::LayerParameter& param)
      : caffe::ReLULayer<Dtype>(param) {}

  void Reshape(const std::vector<caffe::Blob<Dtype>*>& bottom,
               const std::vector<caffe::Blob<Dtype>*>& top) override;
  size_t SignBytes() const override;
  void LendSigns(const SyncedMemoryPtr& signs) override { signs_ = signs; }

 protected:
  void Forward_cpu(const std::vector<caffe::Blob<Dtype>*>& bottom,
                   const std::vector<caffe::Blob<Dtype>*>& top) override;
  void Backward_cpu(const std::vector<caffe::Blob<Dtype>*>& top,
                    const std::vector<bool>& propagate_down,
                    const std::vector<caffe::Blob<Dtype>*>& bottom) override;

 private:
  int count_ = 0;
  SyncedMemoryPtr signs_;  // bit i % 8 of byte i / 8: input i is positive
};

}  // namespace two_stream

#endif  // TWO_STREAM_MEMORY_RELU_LAYER_HPP_
