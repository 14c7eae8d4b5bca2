#ifndef TWO_STREAM_COMMON_DEVICE_STREAM_HPP_
#define TWO_STREAM_COMMON_DEVICE_STREAM_HPP_

#include <cuda_runtime.h>

#include <functional>
#include <memory>

namespace two_stream {

// A stream beside the default one that Caffe computes on.
class DeviceStream {
 public:
  explicit DeviceStream(int device);
  ~DeviceStream();
  DeviceStream(const DeviceStream&) = delete;
  DeviceStream& operator=(const DeviceStream&) = delete;

  cudaStream_t get() const { return stream_; }
  // Makes the device current on the calling thread.
  void MakeCurrent() const;
  // Called later, on any thread: this stream then waits for what the default
  // stream has been given until now.
  std::function<void()> Fence() const;
  // Whether all that it was given is done.
  bool Idle() const;
  void Synchronize() const;

 private:
  const int device_;
  cudaStream_t stream_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_COMMON_DEVICE_STREAM_HPP_
