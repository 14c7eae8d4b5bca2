#include "caffe_ext/parallel/batch_statistics.hpp"

#include <string>

#include "caffe/util/math_functions.hpp"

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

// Where Caffe computes.
template <typename Dtype>
Dtype* Writable(caffe::Blob<Dtype>* blob) {
  const bool on_gpu = caffe::Caffe::mode() == caffe::Caffe::GPU;
  return on_gpu ? blob->mutable_gpu_data() : blob->mutable_cpu_data();
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
  int count = 0;
  for (const caffe::Blob<Dtype>* blob : blobs_) count += blob->count();
  buffer_.Reshape({count});
}

template <typename Dtype>
void BatchStatistics<Dtype>::Copy(bool to_buffer) {
  Dtype* buffer = Writable(&buffer_);
  for (caffe::Blob<Dtype>* blob : blobs_) {
    Dtype* values = Writable(blob);
    caffe::caffe_copy(blob->count(), to_buffer ? values : buffer,
                      to_buffer ? buffer : values);
    buffer += blob->count();
  }
}

template <typename Dtype>
void BatchStatistics<Dtype>::Average(Communicator* communicator) {
  if (blobs_.empty()) return;
  Copy(true);
  communicator->AllReduce(Writable(&buffer_), buffer_.count(),
                          Reduction::kMean);
  Copy(false);
}

template class BatchStatistics<float>;
template class BatchStatistics<double>;

}  // namespace two_stream
