#ifndef TWO_STREAM_LAYERS_DROPOUT_MASK_HPP_
#define TWO_STREAM_LAYERS_DROPOUT_MASK_HPP_

#include <cstdint>

#include "caffe_ext/random/random_stream.hpp"

namespace two_stream {

// Which units are kept: a pure function of the run's seed, the layer, the
// global sample and the unit, so that it need not be stored, can be computed
// again, and is the same whichever rank a sample is on.
struct DropoutMask {
  uint64_t seed = 0;
  uint32_t layer = 0;         // a hash of the layer's name
  uint64_t first_sample = 0;  // global index of the batch's first row
  uint32_t threshold = 0;     // units that draw less are dropped

  TWO_STREAM_HOST_DEVICE RandomStream Row(int row) const {
    return RandomStream(seed, RandomPurpose::kDropout, layer, 0,
                        first_sample + row);
  }
};

// to = from x scale where kept, else 0, over `rows` samples of `length` units.
// `from` may be `to`.
template <typename Dtype>
void ApplyMask(const DropoutMask& mask, int rows, int length, Dtype scale,
               const Dtype* from, Dtype* to);

// The same on device memory; null in a build without CUDA.
template <typename Dtype>
using ApplyMaskFunction = void (*)(const DropoutMask&, int, int, Dtype,
                                   const Dtype*, Dtype*);
template <typename Dtype>
ApplyMaskFunction<Dtype>& ApplyMaskOnDevice();

}  // namespace two_stream

#endif  // TWO_STREAM_LAYERS_DROPOUT_MASK_HPP_
