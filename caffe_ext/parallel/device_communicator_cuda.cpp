#include "caffe/common.hpp"
#include "caffe_ext/parallel/device_communicator.hpp"

namespace two_stream {

DeviceCommunicator::DeviceCommunicator(Communicator* host, int device)
    : Communicator(host->rank(), host->size()), host_(host), stream_(device) {
  set_timeout(host->timeout());
}

void DeviceCommunicator::Execute(const Collective& call, const void* sent,
                                 void* received) {
  const uint64_t before = host_->traffic().moved_bytes;
  host_->set_timeout(timeout());
  if (call.type == DataType::kByte) {
    host_->Call(call, sent, received);
  } else {
    stream_.MakeCurrent();
    const std::function<void()> fence = TakeFence();
    fence ? fence() : stream_.Fence()();
    ExecuteOnDevice(call, static_cast<const char*>(sent),
                    static_cast<char*>(received));
  }
  CountMoved(host_->traffic().moved_bytes - before);
}

void DeviceCommunicator::CopySelf(const Collective& call, const void* sent,
                                  void* received) {
  const size_t bytes = call.count * SizeOf(call.type);
  CUDA_CHECK(cudaMemcpy(received, sent, bytes, cudaMemcpyDefault));
}

}  // namespace two_stream
