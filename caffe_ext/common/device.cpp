#include "caffe_ext/common/device.hpp"

#include <iomanip>
#include <sstream>

#include "caffe/util/device_alternate.hpp"
#include "caffe_ext/common/error.hpp"

namespace two_stream {

#ifdef CPU_ONLY

int DeviceCount() {
  throw UserError(
      "this caffe was built without CUDA and can use no GPU; leave out -gpu, "
      "or the solver's solver_mode: GPU, or build with `make build-cuda`");
}

std::string DeviceName(int) {
  DeviceCount();
  return "";
}

std::string DeviceIdentity(int device) { return DeviceName(device); }

#else

// CUDA calls a driver that isn't there insufficient.
static std::string WhyNone(cudaError_t status) {
  if (status == cudaErrorInsufficientDriver) {
    return "there is no NVIDIA driver, or one too old for the CUDA that caffe "
           "was built with";
  }
  return cudaGetErrorString(status == cudaSuccess ? cudaErrorNoDevice : status);
}

int DeviceCount() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    cudaGetLastError();  // or Caffe's next kernel would be blamed for it
    throw UserError(
        "no GPU can be used: " + WhyNone(status) +
        "; leave out -gpu, or the solver's solver_mode: GPU, to use the CPU");
  }
  return count;
}

std::string DeviceName(int device) {
  cudaDeviceProp properties;
  CUDA_CHECK(cudaGetDeviceProperties(&properties, device));
  return properties.name;
}

std::string DeviceIdentity(int device) {
  cudaDeviceProp properties;
  CUDA_CHECK(cudaGetDeviceProperties(&properties, device));
  std::ostringstream text;
  for (unsigned char byte : properties.uuid.bytes) {
    text << std::hex << std::setw(2) << std::setfill('0') << int{byte};
  }
  return text.str();
}

#endif

bool HasDevices() {
  try {
    return DeviceCount() > 0;
  } catch (const UserError&) {
    return false;
  }
}

}  // namespace two_stream
