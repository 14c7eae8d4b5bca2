// Device memory through pinned host memory: for several ranks on one GPU, and
// for clusters whose MPI knows nothing of CUDA.
#include <algorithm>

#include "caffe/common.hpp"
#include "caffe_ext/parallel/device_communicator.hpp"
#include "caffe_ext/parallel/device_transport.hpp"

namespace two_stream {
namespace {

class PinnedBuffer {
 public:
  PinnedBuffer() = default;
  ~PinnedBuffer() { cudaFreeHost(data_); }
  PinnedBuffer(const PinnedBuffer&) = delete;
  PinnedBuffer& operator=(const PinnedBuffer&) = delete;

  // At least `bytes` long; earlier contents may go.
  char* AtLeast(size_t bytes) {
    if (bytes > bytes_) {
      CUDA_CHECK(cudaFreeHost(data_));
      CUDA_CHECK(cudaMallocHost(&data_, bytes));
      bytes_ = bytes;
    }
    return static_cast<char*>(data_);
  }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

class StagedCommunicator : public DeviceCommunicator {
 public:
  StagedCommunicator(Communicator* host, int device)
      : DeviceCommunicator(host, device),
        name_(std::string("staged ") + host->transport()) {}

  const char* transport() const override { return name_.c_str(); }

 protected:
  void ExecuteOnDevice(const Collective& call, const char* sent,
                       char* received) override {
    const size_t block = call.count * SizeOf(call.type);
    switch (call.kind) {
      case Collective::Kind::kAllReduce:
      case Collective::Kind::kBroadcast:
        for (size_t begin = 0; begin < block; begin += kChunk) {
          const size_t bytes = std::min(kChunk, block - begin);
          Collective part = call;
          part.count = bytes / SizeOf(call.type);
          char* data = in_.AtLeast(bytes);
          Through(part, sent + begin, bytes, data, data, bytes,
                  received + begin);
        }
        break;
      case Collective::Kind::kAllGather:
        Through(call, sent, block, in_.AtLeast(block),
                out_.AtLeast(block * size()), block * size(), received);
        break;
      case Collective::Kind::kReduceScatter:
        Through(call, sent, block * size(), in_.AtLeast(block * size()),
                out_.AtLeast(block), block, received);
        break;
      case Collective::Kind::kBarrier:
        break;  // has no data
    }
  }

 private:
  static constexpr size_t kChunk = 16 << 20;

  // Device to `from`, the host's collective to `to`, and back to the device.
  void Through(const Collective& call, const char* sent, size_t sent_bytes,
               char* from, char* to, size_t received_bytes, char* received) {
    CUDA_CHECK(cudaMemcpyAsync(from, sent, sent_bytes, cudaMemcpyDeviceToHost,
                               stream().get()));
    stream().Synchronize();
    host().Call(call, from, to);
    CUDA_CHECK(cudaMemcpyAsync(received, to, received_bytes,
                               cudaMemcpyHostToDevice, stream().get()));
    stream().Synchronize();
  }

  const std::string name_;
  PinnedBuffer in_, out_;
};

std::unique_ptr<Communicator> MakeStaged(Communicator* host, int device) {
  return std::make_unique<StagedCommunicator>(host, device);
}

const DeviceTransportRegistration g_register("staged", &MakeStaged);

}  // namespace
}  // namespace two_stream
