#ifndef TWO_STREAM_MEMORY_LAYER_TRAITS_HPP_
#define TWO_STREAM_MEMORY_LAYER_TRAITS_HPP_

#include <vector>

#include "caffe/proto/caffe.pb.h"

namespace two_stream {

// How a layer is used in its net.
struct LayerUse {
  int bottoms = 0;
  int tops = 0;
  // Of Caffe's mode: cuDNN reads more than the CPU code does, and some layers
  // use gradients as scratch on a GPU.
  bool gpu = false;
  // Whether each top already has the memory of the bottom of the same index.
  bool aliased = false;
  // Whether the first parameter (the weights) gets a gradient.
  bool learns_weights = true;
};

// What a layer does with the memory of its bottoms and tops, beyond reading
// bottom data and writing top data in forward, and reading top diffs and
// writing bottom diffs in backward.
struct LayerTraits {
  // False for a type that the table doesn't list: it may read, write and alias
  // anything, so its blobs keep buffers of their own.
  bool known = false;
  // Running forward again gives the same bits and changes nothing else.
  bool repeatable = false;
  // Does nothing at all: each top is the bottom of the same index.
  bool idle = false;
  // All tops alias bottom 0 (ShareData; ShareDiff): nothing is copied.
  bool shares_data = false;
  bool shares_diff = false;
  // Tops keep their own buffers: they alias memory of the layer.
  bool pins_tops = false;
  // Bottom diffs keep their own buffers: they are written in forward, or their
  // old values are scaled by zero.
  bool pins_bottom_diffs = false;
  // Data that backward reads; by index.
  std::vector<bool> reads_bottom;
  std::vector<bool> reads_top;
  // Bottom diffs that backward writes when asked to.
  std::vector<bool> writes_bottom_diff;
};

// From Caffe's sources (CPU, CUDA and cuDNN code of each type) and ours.
LayerTraits TraitsOf(const caffe::LayerParameter& param, const LayerUse& use);

}  // namespace two_stream

#endif  // TWO_STREAM_MEMORY_LAYER_TRAITS_HPP_
