#ifndef TWO_STREAM_PARALLEL_DEVICE_COMMUNICATOR_HPP_
#define TWO_STREAM_PARALLEL_DEVICE_COMMUNICATOR_HPP_

#include <functional>
#include <string>

#include "caffe_ext/common/device_stream.hpp"
#include "caffe_ext/parallel/communicator.hpp"

namespace two_stream {

// What the communicators over device memory have in common: a stream beside
// the one that Caffe computes on, and a communicator over host memory with the
// same ranks that carries bytes and failures. That one must outlive this.
class DeviceCommunicator : public Communicator {
 public:
  DeviceCommunicator(Communicator* host, int device);

  bool on_device() const override { return true; }
  void Fail(const std::string& cause) override { host_->Fail(cause); }
  void ThrowIfFailed() override { host_->ThrowIfFailed(); }
  std::function<void()> MakeFence() override { return stream_.Fence(); }

 protected:
  void Execute(const Collective& call, const void* sent, void* received) final;
  void CopySelf(const Collective& call, const void* sent,
                void* received) override;
  // Of floats or doubles in device memory, never a barrier. The device is
  // current and the stream waits for what is to be sent.
  virtual void ExecuteOnDevice(const Collective& call, const char* sent,
                               char* received) = 0;

  Communicator& host() const { return *host_; }
  const DeviceStream& stream() const { return stream_; }

 private:
  Communicator* const host_;
  const DeviceStream stream_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_DEVICE_COMMUNICATOR_HPP_
