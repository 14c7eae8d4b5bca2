#ifndef TWO_STREAM_TESTS_HOST_GPU_HOST_GPU_HPP_
#define TWO_STREAM_TESTS_HOST_GPU_HOST_GPU_HPP_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <functional>

namespace two_stream {

// What a test may ask of the stand-in for GPUs, and what it has seen.
struct HostGpu {
  int devices = 4;
  size_t memory = SIZE_MAX;       // bytes in all
  bool without_workspace = true;  // an algorithm that needs none is offered
  int nccl_kernels = 0;           // started so far, on all ranks
  bool nccl_stuck = false;        // kernels end by ncclCommAbort alone

  static HostGpu& Get() {
    static HostGpu gpu;
    return gpu;
  }
};

// Aborts the test unless all of [begin, begin + bytes) lies in one allocation
// of the stand-in's memory.
void RequireOnDevice(const void* begin, size_t bytes);

// Bytes of it that are allocated now.
size_t TakenMemory();

// Gives a stream other than the default one a thing to do. `work` is called,
// one thread at a time, until it returns true: it is done.
void Enqueue(cudaStream_t stream, std::function<bool()> work);

}  // namespace two_stream

#endif  // TWO_STREAM_TESTS_HOST_GPU_HOST_GPU_HPP_
