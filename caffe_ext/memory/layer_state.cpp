#include "caffe_ext/memory/layer_state.hpp"

#include <typeinfo>

#include "caffe/layers/batch_norm_layer.hpp"
#include "caffe/layers/lrn_layer.hpp"
#include "caffe/layers/pooling_layer.hpp"

namespace two_stream {
namespace {

// Caffe keeps these members protected. A derived class may name them, and the
// pointers to members that it hands out are those of the base.
template <typename Dtype>
struct PoolingAccess : caffe::PoolingLayer<Dtype> {
  static constexpr auto kPositions = &PoolingAccess::max_idx_;
};

template <typename Dtype>
struct LRNAccess : caffe::LRNLayer<Dtype> {
  static constexpr auto kScale = &LRNAccess::scale_;
};

template <typename Dtype>
struct BatchNormAccess : caffe::BatchNormLayer<Dtype> {
  static constexpr auto kDeviation = &BatchNormAccess::temp_;
  static constexpr auto kNormalized = &BatchNormAccess::x_norm_;
};

template <typename T>
void Add(const char* name, caffe::Blob<T>* blob,
         std::vector<LayerState>* states) {
  if (blob->count() == 0) return;
  states->push_back({name, blob->data(), [blob](const SyncedMemoryPtr& memory) {
                       ReplaceData(blob, memory);
                     }});
}

}  // namespace

template <typename Dtype>
std::vector<LayerState> StatesOf(caffe::Layer<Dtype>* layer) {
  std::vector<LayerState> states;
  const std::type_info& type = typeid(*layer);
  if (type == typeid(caffe::PoolingLayer<Dtype>)) {
    auto* pooling = static_cast<caffe::PoolingLayer<Dtype>*>(layer);
    Add("positions", &(pooling->*PoolingAccess<Dtype>::kPositions), &states);
  } else if (type == typeid(caffe::LRNLayer<Dtype>)) {
    auto* lrn = static_cast<caffe::LRNLayer<Dtype>*>(layer);
    Add("scale", &(lrn->*LRNAccess<Dtype>::kScale), &states);
  } else if (type == typeid(caffe::BatchNormLayer<Dtype>)) {
    auto* norm = static_cast<caffe::BatchNormLayer<Dtype>*>(layer);
    Add("deviation", &(norm->*BatchNormAccess<Dtype>::kDeviation), &states);
    Add("normalized", &(norm->*BatchNormAccess<Dtype>::kNormalized), &states);
  }
  return states;
}

template std::vector<LayerState> StatesOf(caffe::Layer<float>*);
template std::vector<LayerState> StatesOf(caffe::Layer<double>*);

}  // namespace two_stream
