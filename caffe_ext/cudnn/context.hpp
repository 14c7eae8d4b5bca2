#ifndef TWO_STREAM_CUDNN_CONTEXT_HPP_
#define TWO_STREAM_CUDNN_CONTEXT_HPP_

#include <cudnn.h>

#include <cstddef>
#include <string>

namespace two_stream {

// GPU memory that grows and never shrinks; its content is nobody's.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  ~DeviceBuffer();
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  // At least `bytes`; false, with nothing changed, if the GPU has no room.
  bool Grow(size_t bytes);

  void* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

// cuDNN's handle on the current device, and the one workspace of all
// convolutions there. One a thread: the ranks of a process don't share it. All
// work goes to the default stream, as Caffe's does, so that one convolution has
// done with the workspace before the next begins.
class CudnnContext {
 public:
  // The calling thread's context for its current device.
  static CudnnContext& Current();

  CudnnContext();
  ~CudnnContext();
  CudnnContext(const CudnnContext&) = delete;
  CudnnContext& operator=(const CudnnContext&) = delete;

  cudnnHandle_t handle() const { return handle_; }
  // The device's name, the same for all of a kind.
  const std::string& model() const { return model_; }
  DeviceBuffer& workspace() { return workspace_; }

 private:
  cudnnHandle_t handle_;
  const std::string model_;
  DeviceBuffer workspace_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_CUDNN_CONTEXT_HPP_
