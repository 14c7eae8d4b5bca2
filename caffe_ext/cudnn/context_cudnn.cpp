#include <map>

#include "caffe/util/device_alternate.hpp"
#include "caffe_ext/common/device.hpp"
#include "caffe_ext/cudnn/context.hpp"

namespace two_stream {

static int CurrentDevice() {
  int device = 0;
  CUDA_CHECK(cudaGetDevice(&device));
  return device;
}

// A thread's last work may be freed when the driver has shut down already, so
// destructors let errors pass.

DeviceBuffer::~DeviceBuffer() { cudaFree(data_); }

bool DeviceBuffer::Grow(size_t bytes) {
  if (bytes <= size_) return true;
  void* larger = nullptr;
  if (cudaMalloc(&larger, bytes) != cudaSuccess) {
    cudaGetLastError();  // or the next kernel would be blamed for it
    return false;
  }
  CUDA_CHECK(cudaFree(data_));  // waits for the work that uses it
  data_ = larger;
  size_ = bytes;
  return true;
}

CudnnContext::CudnnContext() : model_(DeviceName(CurrentDevice())) {
  CUDNN_CHECK(cudnnCreate(&handle_));
}

CudnnContext::~CudnnContext() { cudnnDestroy(handle_); }

CudnnContext& CudnnContext::Current() {
  static thread_local std::map<int, CudnnContext> contexts;
  return contexts[CurrentDevice()];
}

}  // namespace two_stream
