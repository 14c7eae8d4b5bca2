// The mask on the device: one thread draws for four units.
#include "caffe/util/device_alternate.hpp"
#include "caffe_ext/layers/dropout_mask.hpp"

namespace two_stream {
namespace {

template <typename Dtype>
__global__ void MaskKernel(int blocks, int blocks_per_row, int length,
                           DropoutMask mask, Dtype scale, const Dtype* from,
                           Dtype* to) {
  CUDA_KERNEL_LOOP(index, blocks) {
    const int row = index / blocks_per_row;
    const int block = index % blocks_per_row;
    const PhiloxCounter draws = mask.Row(row).Block(block);
    const int rest = length - 4 * block;
    const int64_t begin = int64_t{row} * length + 4 * block;
    for (int i = 0; i < 4 && i < rest; ++i) {
      const bool kept = draws.word[i] >= mask.threshold;
      to[begin + i] = kept ? from[begin + i] * scale : Dtype(0);
    }
  }
}

template <typename Dtype>
void Apply(const DropoutMask& mask, int rows, int length, Dtype scale,
           const Dtype* from, Dtype* to) {
  const int blocks_per_row = (length + 3) / 4;
  const int blocks = rows * blocks_per_row;
  MaskKernel<<<caffe::CAFFE_GET_BLOCKS(blocks),
               caffe::CAFFE_CUDA_NUM_THREADS>>>(blocks, blocks_per_row, length,
                                                mask, scale, from, to);
  CUDA_POST_KERNEL_CHECK;
}

struct Registration {
  Registration() {
    ApplyMaskOnDevice<float>() = &Apply<float>;
    ApplyMaskOnDevice<double>() = &Apply<double>;
  }
} g_registration;

}  // namespace
}  // namespace two_stream
