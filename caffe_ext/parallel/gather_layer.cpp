#include "caffe_ext/parallel/gather_layer.hpp"

#include "caffe/util/math_functions.hpp"
#include "caffe_ext/common/error.hpp"
#include "caffe_ext/common/register_layer.hpp"
#include "caffe_ext/parallel/rank_context.hpp"

namespace two_stream {

using caffe::Blob;
using std::vector;

template <typename Dtype>
void GatherLayer<Dtype>::LayerSetUp(const vector<Blob<Dtype>*>& bottom,
                                    const vector<Blob<Dtype>*>& top) {
  for (int i = 0; i < bottom.size(); ++i) {
    if (bottom[i] == top[i]) {
      throw UserError("layer " + this->layer_param_.name() +
                      ": a Gather cannot work in place; give top \"" +
                      this->layer_param_.top(i) + "\" another name");
    }
  }
  Communicator* communicator = CurrentCommunicator();
  const bool gathers =
      this->phase_ == caffe::TRAIN && communicator && communicator->size() > 1;
  communicator_ = gathers ? communicator : nullptr;
}

template <typename Dtype>
void GatherLayer<Dtype>::Reshape(const vector<Blob<Dtype>*>& bottom,
                                 const vector<Blob<Dtype>*>& top) {
  for (int i = 0; i < bottom.size(); ++i) {
    vector<int> shape = bottom[i]->shape();
    if (communicator_) {
      CHECK(!shape.empty()) << "a Gather needs samples, not a scalar";
      shape[0] *= communicator_->size();
      top[i]->Reshape(shape);
    } else {
      top[i]->Reshape(shape);
      top[i]->ShareData(*bottom[i]);
      top[i]->ShareDiff(*bottom[i]);
    }
  }
}

template <typename Dtype>
void GatherLayer<Dtype>::Forward_cpu(const vector<Blob<Dtype>*>& bottom,
                                     const vector<Blob<Dtype>*>& top) {
  if (!communicator_) return;
  const bool device = communicator_->on_device();
  for (int i = 0; i < bottom.size(); ++i) {
    communicator_->AllGather(
        device ? bottom[i]->gpu_data() : bottom[i]->cpu_data(),
        bottom[i]->count(),
        device ? top[i]->mutable_gpu_data() : top[i]->mutable_cpu_data());
  }
}

template <typename Dtype>
void GatherLayer<Dtype>::Backward_cpu(const vector<Blob<Dtype>*>& top,
                                      const vector<bool>& propagate_down,
                                      const vector<Blob<Dtype>*>& bottom) {
  if (!communicator_) return;
  const bool gpu = caffe::Caffe::mode() == caffe::Caffe::GPU;
  for (int i = 0; i < bottom.size(); ++i) {
    if (!propagate_down[i]) continue;
    const int count = bottom[i]->count();
    const Dtype* whole = gpu ? top[i]->gpu_diff() : top[i]->cpu_diff();
    caffe::caffe_copy(
        count, whole + communicator_->rank() * count,
        gpu ? bottom[i]->mutable_gpu_diff() : bottom[i]->mutable_cpu_diff());
    bottom[i]->scale_diff(communicator_->size());
  }
}

TWO_STREAM_REGISTER_LAYER(Gather, GatherLayer);

}  // namespace two_stream
