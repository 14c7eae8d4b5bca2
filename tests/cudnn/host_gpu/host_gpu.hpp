#ifndef TWO_STREAM_TESTS_CUDNN_HOST_GPU_HOST_GPU_HPP_
#define TWO_STREAM_TESTS_CUDNN_HOST_GPU_HOST_GPU_HPP_

#include <cstddef>
#include <cstdint>

namespace two_stream {

// What a test may ask of the stand-in for a GPU.
struct HostGpu {
  size_t memory = SIZE_MAX;       // bytes in all
  bool without_workspace = true;  // an algorithm that needs none is offered

  static HostGpu& Get() {
    static HostGpu gpu;
    return gpu;
  }
};

// Aborts the test unless all of [begin, begin + bytes) lies in one allocation
// of the stand-in's memory.
void RequireOnDevice(const void* begin, size_t bytes);

}  // namespace two_stream

#endif  // TWO_STREAM_TESTS_CUDNN_HOST_GPU_HOST_GPU_HPP_
