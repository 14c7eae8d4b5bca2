#ifndef TWO_STREAM_MEMORY_NET_GRAPH_HPP_
#define TWO_STREAM_MEMORY_NET_GRAPH_HPP_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace two_stream {

// A net as the planner sees it: what each layer reads and writes, in bytes and
// indices. No Caffe types; NetGraph of a caffe::Net is made by
// graph_of_net.hpp.

// A block of memory that layers hand to one another: a blob's data or diff
// (blobs that alias one another are one storage) or a layer's own state that
// lives from its forward to its backward pass.
struct Storage {
  std::string name;
  size_t bytes = 0;
  // Keeps a buffer of its own, outside the arena; always valid.
  bool pinned = false;
};

// While the layer runs it may write `writer` image by image over `reader`, see
// Overlay.
struct ImageOverlay {
  int reader = 0;
  int writer = 0;
  int64_t min_lead = 0;
};

// Storages by index. A layer that works in place both reads and writes one.
struct LayerAccess {
  std::vector<int> reads;
  std::vector<int> writes;
  size_t scratch_bytes = 0;  // needed only while the layer runs
  std::vector<ImageOverlay> overlays;
};

struct LayerNode {
  std::string name;
  LayerAccess forward;
  bool has_backward = false;
  LayerAccess backward;
  // Running forward again from the same inputs writes the same bits and changes
  // nothing else.
  bool repeatable = false;
  // Of running forward again, in any unit.
  double cost = 0;
};

struct NetGraph {
  std::vector<Storage> storages;
  std::vector<LayerNode> layers;  // in forward order
};

}  // namespace two_stream

#endif  // TWO_STREAM_MEMORY_NET_GRAPH_HPP_
