// Caffe marks all tops of a layer as wanting a gradient if one bottom does, so
// labels that pass through a Gather beside features seem to want one; the
// losses below abort when asked for it. Here they leave it out.
#include "caffe/layers/hinge_loss_layer.hpp"
#include "caffe/layers/infogain_loss_layer.hpp"
#include "caffe/layers/multinomial_logistic_loss_layer.hpp"
#include "caffe/layers/sigmoid_cross_entropy_loss_layer.hpp"
#include "caffe/layers/softmax_loss_layer.hpp"
#include "caffe_ext/common/register_layer.hpp"

namespace two_stream {

template <template <typename> class Loss>
struct LabelLoss {
  template <typename Dtype>
  class Layer : public Loss<Dtype> {
   public:
    using Blobs = std::vector<caffe::Blob<Dtype>*>;
    explicit Layer(const caffe::LayerParameter& param) : Loss<Dtype>(param) {}

   protected:
    void Backward_cpu(const Blobs& top, const std::vector<bool>& propagate_down,
                      const Blobs& bottom) override {
      Loss<Dtype>::Backward_cpu(top, WithoutLabel(propagate_down), bottom);
    }
    void Backward_gpu(const Blobs& top, const std::vector<bool>& propagate_down,
                      const Blobs& bottom) override {
      Loss<Dtype>::Backward_gpu(top, WithoutLabel(propagate_down), bottom);
    }

   private:
    static std::vector<bool> WithoutLabel(std::vector<bool> propagate_down) {
      propagate_down[1] = false;
      return propagate_down;
    }
  };
};

template <typename Dtype>
using SoftmaxLoss = LabelLoss<caffe::SoftmaxWithLossLayer>::Layer<Dtype>;
template <typename Dtype>
using SigmoidLoss =
    LabelLoss<caffe::SigmoidCrossEntropyLossLayer>::Layer<Dtype>;
template <typename Dtype>
using HingeLoss = LabelLoss<caffe::HingeLossLayer>::Layer<Dtype>;
template <typename Dtype>
using LogisticLoss =
    LabelLoss<caffe::MultinomialLogisticLossLayer>::Layer<Dtype>;
template <typename Dtype>
using InfogainLoss = LabelLoss<caffe::InfogainLossLayer>::Layer<Dtype>;

#define REGISTER(Type, Loss)                                             \
  static LayerRegistration<float> g_f_##Type(#Type,                      \
                                             &CreateLayer<Loss, float>); \
  static LayerRegistration<double> g_d_##Type(#Type, &CreateLayer<Loss, double>)
REGISTER(SoftmaxWithLoss, SoftmaxLoss);
REGISTER(SigmoidCrossEntropyLoss, SigmoidLoss);
REGISTER(HingeLoss, HingeLoss);
REGISTER(MultinomialLogisticLoss, LogisticLoss);
REGISTER(InfogainLoss, InfogainLoss);
#undef REGISTER

}  // namespace two_stream
