#include "caffe/common.hpp"
#include "caffe_ext/common/device_stream.hpp"

namespace two_stream {

DeviceStream::DeviceStream(int device) : device_(device) {
  MakeCurrent();
  CUDA_CHECK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
}

DeviceStream::~DeviceStream() { cudaStreamDestroy(stream_); }

void DeviceStream::MakeCurrent() const { CUDA_CHECK(cudaSetDevice(device_)); }

std::function<void()> DeviceStream::Fence() const {
  cudaEvent_t event;
  CUDA_CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  CUDA_CHECK(cudaEventRecord(event, cudaStreamDefault));
  const std::shared_ptr<CUevent_st> shared(
      event, [](cudaEvent_t done) { cudaEventDestroy(done); });
  return [stream = stream_, shared] {
    CUDA_CHECK(cudaStreamWaitEvent(stream, shared.get(), 0));
  };
}

bool DeviceStream::Idle() const {
  const cudaError_t status = cudaStreamQuery(stream_);
  if (status != cudaErrorNotReady) {
    CUDA_CHECK(status);
    return true;
  }
  // CUDA keeps this answer as the thread's last error, which Caffe looks at
  // after each of its kernels.
  cudaGetLastError();
  return false;
}

void DeviceStream::Synchronize() const {
  CUDA_CHECK(cudaStreamSynchronize(stream_));
}

}  // namespace two_stream
