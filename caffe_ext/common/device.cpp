#include "caffe_ext/common/device.hpp"

#include "caffe/util/device_alternate.hpp"
#include "caffe_ext/common/error.hpp"

namespace two_stream {

#ifdef CPU_ONLY

int DeviceCount() {
  throw UserError(
      "this caffe was built without CUDA, so -gpu cannot be used; leave it out "
      "to "
      "train on the CPU, or build with `make build-cuda`");
}

std::string DeviceName(int) {
  DeviceCount();
  return "";
}

#else

int DeviceCount() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    throw UserError(
        std::string("no GPU can be used: ") +
        cudaGetErrorString(status == cudaSuccess ? cudaErrorNoDevice : status) +
        "; leave -gpu out to train on the CPU");
  }
  return count;
}

std::string DeviceName(int device) {
  cudaDeviceProp properties;
  CUDA_CHECK(cudaGetDeviceProperties(&properties, device));
  return properties.name;
}

#endif

}  // namespace two_stream
