// A CUDA runtime of one device whose memory is the host's, for tests without a
// GPU: as much of it as Caffe's blobs and the cuDNN convolution call. No kernel
// can be launched on it.
#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <curand.h>
#include <glog/logging.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "tests/cudnn/host_gpu/host_gpu.hpp"

namespace two_stream {
namespace {

std::mutex mutex;

std::map<const char*, size_t>& Allocations() {
  static auto* const allocations = new std::map<const char*, size_t>;
  return *allocations;
}

}  // namespace

void RequireOnDevice(const void* begin, size_t bytes) {
  if (bytes == 0) return;
  std::lock_guard<std::mutex> lock(mutex);
  const char* first = static_cast<const char*>(begin);
  auto after = Allocations().upper_bound(first);
  CHECK(after != Allocations().begin()) << "no device memory: " << begin;
  --after;
  CHECK_LE(first + bytes, after->first + after->second)
      << "beyond the end of device memory";
}

}  // namespace two_stream

using two_stream::Allocations;
using two_stream::mutex;

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaGetLastError() { return cudaSuccess; }

cudaError_t cudaMalloc(void** pointer, size_t bytes) {
  std::lock_guard<std::mutex> lock(mutex);
  size_t taken = 0;
  for (const auto& allocation : Allocations()) taken += allocation.second;
  if (bytes > two_stream::HostGpu::Get().memory - taken) {
    return cudaErrorMemoryAllocation;
  }
  *pointer = std::malloc(bytes);
  std::memset(*pointer, 0xff, bytes);  // NaN: nobody may count on zeros
  Allocations()[static_cast<char*>(*pointer)] = bytes;
  return cudaSuccess;
}

cudaError_t cudaFree(void* pointer) {
  if (!pointer) return cudaSuccess;
  std::lock_guard<std::mutex> lock(mutex);
  CHECK_EQ(Allocations().erase(static_cast<char*>(pointer)), 1u);
  std::free(pointer);
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** pointer, size_t bytes) {
  *pointer = std::malloc(bytes);
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* pointer) {
  std::free(pointer);
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes,
                       cudaMemcpyKind) {
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}

cudaError_t cudaMemset(void* to, int value, size_t bytes) {
  std::memset(to, value, bytes);
  return cudaSuccess;
}

// Caffe makes these for each thread; the tests don't use them.
cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  *handle = nullptr;
  return CUBLAS_STATUS_SUCCESS;
}

curandStatus_t curandCreateGenerator(curandGenerator_t* generator,
                                     curandRngType_t) {
  *generator = nullptr;
  return CURAND_STATUS_SUCCESS;
}

curandStatus_t curandSetPseudoRandomGeneratorSeed(curandGenerator_t,
                                                  unsigned long long) {
  return CURAND_STATUS_SUCCESS;
}

}  // extern "C"
