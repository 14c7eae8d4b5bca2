#include "caffe/common.hpp"
#include "caffe_ext/parallel/device_stream.hpp"

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

void DeviceStream::Synchronize() const {
  CUDA_CHECK(cudaStreamSynchronize(stream_));
}

}  // namespace two_stream
