#ifndef TWO_STREAM_MEMORY_NET_BINDING_HPP_
#define TWO_STREAM_MEMORY_NET_BINDING_HPP_

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "caffe/net.hpp"
#include "caffe_ext/memory/arena.hpp"
#include "caffe_ext/memory/net_graph.hpp"

namespace two_stream {

struct BindingOptions {
  bool training = true;  // plan for a backward pass
  bool gpu = false;
  std::set<std::string> excluded;  // blobs that keep their own buffers
};

// How a storage of the graph is put into its layers and blobs.
struct StorageBinding {
  std::vector<std::string> blobs;  // the names that alias it; none: a state
  bool is_diff = false;
  std::function<void(const SyncedMemoryPtr&)> bind;
};

// A net as the planner sees it, and the way back.
struct NetBinding {
  NetGraph graph;
  std::vector<StorageBinding> storages;  // by index of graph.storages
  // What stock Caffe would allocate for the same pass: activations, gradients,
  // states and each convolution's column buffer, pinned ones included.
  size_t stock_bytes = 0;
};

// Reads what each layer of the net touches, from its type (TraitsOf), its
// bottoms and tops and the net's backward flags. The net must have its shapes;
// no memory is allocated or moved.
template <typename Dtype>
NetBinding BindNet(const caffe::Net<Dtype>& net, const BindingOptions& options);

}  // namespace two_stream

#endif  // TWO_STREAM_MEMORY_NET_BINDING_HPP_
