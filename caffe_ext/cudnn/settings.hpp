#ifndef TWO_STREAM_CUDNN_SETTINGS_HPP_
#define TWO_STREAM_CUDNN_SETTINGS_HPP_

#include <cstddef>

#include "caffe/proto/caffe.pb.h"

namespace two_stream {

// How convolutions run on GPUs, for the whole process. Set before nets are
// built; a build without cuDNN ignores it.
struct CudnnSettings {
  // Largest workspace a convolution may ask for, in bytes (`richness`, in MB).
  size_t workspace_limit = size_t{300} << 20;
  // Algorithms by cuDNN's heuristics, the same in every run, instead of by
  // measurement. On with `random_seed`, which asks for a run to be repeatable,
  // and for ranks in several processes, which would each measure for itself.
  bool repeatable = false;

  static CudnnSettings& Get() {
    static CudnnSettings settings;
    return settings;
  }

  // What a solver asks for.
  static CudnnSettings From(const caffe::SolverParameter& solver) {
    CudnnSettings settings;
    const int megabytes = solver.richness() < 0 ? 0 : solver.richness();
    settings.workspace_limit = static_cast<size_t>(megabytes) << 20;
    settings.repeatable = solver.random_seed() >= 0;
    return settings;
  }
};

}  // namespace two_stream

#endif  // TWO_STREAM_CUDNN_SETTINGS_HPP_
