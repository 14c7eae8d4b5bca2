#include "caffe_ext/parallel/batch_statistics.hpp"

#include <string>

namespace two_stream {
namespace {

// Which blobs of a layer Forward() changes in a train net: [begin, end).
struct Changed {
  int begin = 0, end = 0;
};

Changed ChangedBlobs(const caffe::LayerParameter& layer) {
  if (layer.type() == "BN" && !layer.bn_param().frozen()) return {2, 4};
  if (layer.type() == "BatchNorm" &&
      !layer.batch_norm_param().use_global_stats()) {
    return {0, 3};
  }
  return {};
}

}  // namespace

template <typename Dtype>
BatchStatistics<Dtype>::BatchStatistics(const caffe::Net<Dtype>& net) {
  for (const auto& layer : net.layers()) {
    const Changed changed = ChangedBlobs(layer->layer_param());
    for (int i = changed.begin; i < changed.end; ++i) {
      blobs_.push_back(layer->blobs()[i].get());
    }
  }
}

template <typename Dtype>
void BatchStatistics<Dtype>::Average(Communicator* communicator) const {
  const bool on_gpu = caffe::Caffe::mode() == caffe::Caffe::GPU;
  for (caffe::Blob<Dtype>* blob : blobs_) {
    communicator->AllReduce(
        on_gpu ? blob->mutable_gpu_data() : blob->mutable_cpu_data(),
        blob->count(), Reduction::kMean);
  }
}

template class BatchStatistics<float>;
template class BatchStatistics<double>;

}  // namespace two_stream
