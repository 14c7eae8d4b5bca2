// Our kernels as functions of the host, for tests without a GPU. CMake makes a
// copy of each .cu file in which kernel<<<blocks, threads>>>(...) is a call of
// LaunchOnHost(), with this header before everything else.
#ifndef TWO_STREAM_TESTS_HOST_GPU_HOST_KERNELS_HPP_
#define TWO_STREAM_TESTS_HOST_GPU_HOST_KERNELS_HPP_

#include <cuda_runtime.h>
#include <glog/logging.h>
#include <pthread.h>

#include <thread>
#include <vector>

#include "tests/host_gpu/host_gpu.hpp"

#undef __global__
#undef __device__
#undef __shared__
#define __global__
#define __device__
#define __shared__ static

namespace two_stream {
namespace {

thread_local uint3 blockIdx, threadIdx;
thread_local dim3 gridDim, blockDim;
pthread_barrier_t block_barrier;

inline void __syncthreads() {
  CHECK_LE(blockDim.x, 256u) << "larger blocks don't synchronise here";
  pthread_barrier_wait(&block_barrier);
}

// Block after block. The threads of a block run together if they are few
// enough, else one after the other.
template <typename Kernel>
void LaunchOnHost(unsigned blocks, unsigned threads, const Kernel& kernel) {
  CHECK(blocks > 0 && threads > 0) << "CUDA launches no empty grids";
  const auto run = [&](unsigned block, unsigned thread) {
    gridDim.x = blocks;
    blockDim.x = threads;
    blockIdx.x = block;
    threadIdx.x = thread;
    kernel();
  };
  for (unsigned block = 0; block < blocks; ++block) {
    if (threads > 256) {
      for (unsigned thread = 0; thread < threads; ++thread) run(block, thread);
      continue;
    }
    pthread_barrier_init(&block_barrier, nullptr, threads);
    std::vector<std::thread> together;
    for (unsigned thread = 0; thread < threads; ++thread) {
      together.emplace_back(run, block, thread);
    }
    for (std::thread& thread : together) thread.join();
    pthread_barrier_destroy(&block_barrier);
  }
}

// On a stream, when that gets to it.
template <typename Kernel>
void LaunchOnHost(unsigned blocks, unsigned threads, int, cudaStream_t stream,
                  const Kernel& kernel) {
  Enqueue(stream, [=] {
    LaunchOnHost(blocks, threads, kernel);
    return true;
  });
}

}  // namespace
}  // namespace two_stream

#endif  // TWO_STREAM_TESTS_HOST_GPU_HOST_KERNELS_HPP_
