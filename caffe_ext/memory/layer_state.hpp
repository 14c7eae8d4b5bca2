#ifndef TWO_STREAM_MEMORY_LAYER_STATE_HPP_
#define TWO_STREAM_MEMORY_LAYER_STATE_HPP_

#include <functional>
#include <string>
#include <vector>

#include "caffe/layer.hpp"
#include "caffe_ext/memory/arena.hpp"

namespace two_stream {

// A blob inside a layer that its forward writes whole and only its backward
// reads, e.g. the positions of Pooling's maxima.
struct LayerState {
  std::string name;
  SyncedMemoryPtr memory;
  std::function<void(const SyncedMemoryPtr&)> bind;  // puts another in place
};

// Those of Caffe's own Pooling, LRN and BatchNorm; none for any other layer,
// their cuDNN versions included.
template <typename Dtype>
std::vector<LayerState> StatesOf(caffe::Layer<Dtype>* layer);

}  // namespace two_stream

#endif  // TWO_STREAM_MEMORY_LAYER_STATE_HPP_
