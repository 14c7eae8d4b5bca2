#ifndef TWO_STREAM_LAYERS_BN_LAYER_HPP_
#define TWO_STREAM_LAYERS_BN_LAYER_HPP_

#include <vector>

#include "caffe/blob.hpp"
#include "caffe/layer.hpp"
#include "caffe_ext/layers/bn_math.hpp"

namespace two_stream {

// "BN": batch normalisation over all axes but the second, then scale and shift
// (Ioffe and Szegedy 2015; Temporal Segment Networks' nets). One bottom, one
// top of the same shape; in place is allowed and costs a copy.
//
// Four blobs of 1 x channels, as in the fork: scale, shift, moving mean, moving
// variance. In training the batch's statistics count, biased, and are blended
// into the moving ones at each Forward(); in test, or `frozen`, the moving ones
// count. The moving ones are never learned, nothing of a frozen layer is.
//
// .caffemodel files of the fork from between its pull requests 16 and 71
// (December 2015 to April 2016) have 1 / sqrt(variance + eps) in the fourth
// blob; later ones, those of TSN among them, the variance.
template <typename Dtype>
class BnLayer : public caffe::Layer<Dtype> {
 public:
  explicit BnLayer(const caffe::LayerParameter& param)
      : caffe::Layer<Dtype>(param) {}

  void LayerSetUp(const std::vector<caffe::Blob<Dtype>*>& bottom,
                  const std::vector<caffe::Blob<Dtype>*>& top) override;
  void Reshape(const std::vector<caffe::Blob<Dtype>*>& bottom,
               const std::vector<caffe::Blob<Dtype>*>& top) override;
  const char* type() const override { return "BN"; }
  int ExactNumBottomBlobs() const override { return 1; }
  int ExactNumTopBlobs() const override { return 1; }

 protected:
  void Forward_cpu(const std::vector<caffe::Blob<Dtype>*>& bottom,
                   const std::vector<caffe::Blob<Dtype>*>& top) override;
  void Forward_gpu(const std::vector<caffe::Blob<Dtype>*>& bottom,
                   const std::vector<caffe::Blob<Dtype>*>& top) override;
  void Backward_cpu(const std::vector<caffe::Blob<Dtype>*>& top,
                    const std::vector<bool>& propagate_down,
                    const std::vector<caffe::Blob<Dtype>*>& bottom) override;
  void Backward_gpu(const std::vector<caffe::Blob<Dtype>*>& top,
                    const std::vector<bool>& propagate_down,
                    const std::vector<caffe::Blob<Dtype>*>& bottom) override;

 private:
  enum Parameter { kScale, kShift, kMovingMean, kMovingVariance };

  bool UsesBatchStatistics() const {
    return this->phase_ == caffe::TRAIN && !frozen_;
  }
  // What both devices do; `At` has their BnMath and hands out their pointers.
  template <typename At>
  void Forward(const At& at, caffe::Blob<Dtype>* bottom,
               caffe::Blob<Dtype>* top);
  template <typename At>
  void Backward(const At& at, caffe::Blob<Dtype>* top, bool propagate_down,
                caffe::Blob<Dtype>* bottom);
  // Adds a batch's gradient to a parameter's.
  template <typename At>
  void AddDiff(const At& at, const caffe::Blob<Dtype>& batch,
               Parameter parameter);

  BnShape shape_;
  bool frozen_ = false;
  Dtype momentum_ = 0, eps_ = 0;
  caffe::Blob<Dtype> mean_, variance_, inverse_std_;  // that Forward() used
  caffe::Blob<Dtype> scale_diff_, shift_diff_;        // the batch's, as data
  caffe::Blob<Dtype> input_;                          // kept when in place
};

}  // namespace two_stream

#endif  // TWO_STREAM_LAYERS_BN_LAYER_HPP_
