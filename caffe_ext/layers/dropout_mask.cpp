#include "caffe_ext/layers/dropout_mask.hpp"

#include <algorithm>

namespace two_stream {

template <typename Dtype>
void ApplyMask(const DropoutMask& mask, int rows, int length, Dtype scale,
               const Dtype* from, Dtype* to) {
  for (int row = 0; row < rows; ++row) {
    const RandomStream stream = mask.Row(row);
    for (int begin = 0; begin < length; begin += 4) {
      const PhiloxCounter draws = stream.Block(begin / 4);
      const int end = std::min(4, length - begin);
      for (int i = 0; i < end; ++i) {
        const bool kept = draws.word[i] >= mask.threshold;
        to[begin + i] = kept ? from[begin + i] * scale : Dtype(0);
      }
    }
    from += length;
    to += length;
  }
}

template <typename Dtype>
ApplyMaskFunction<Dtype>& ApplyMaskOnDevice() {
  static ApplyMaskFunction<Dtype> function = nullptr;
  return function;
}

template void ApplyMask(const DropoutMask&, int, int, float, const float*,
                        float*);
template void ApplyMask(const DropoutMask&, int, int, double, const double*,
                        double*);
template ApplyMaskFunction<float>& ApplyMaskOnDevice();
template ApplyMaskFunction<double>& ApplyMaskOnDevice();

}  // namespace two_stream
