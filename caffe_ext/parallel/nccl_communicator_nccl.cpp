// NCCL: device memory over NVLink, PCIe or the network. The ranks may be
// threads of one process or processes on many hosts; either way the host
// communicator carries the id that joins them. Calls do not block, so that a
// wait can end at its deadline or when a rank has failed.
#include <nccl.h>

#include <chrono>
#include <thread>

#include "caffe/common.hpp"
#include "caffe_ext/parallel/device_stream.hpp"
#include "caffe_ext/parallel/device_transport.hpp"

namespace two_stream {
namespace {

ncclDataType_t NcclType(DataType type) {
  return type == DataType::kFloat ? ncclFloat : ncclDouble;
}

class NcclCommunicator : public Communicator {
 public:
  NcclCommunicator(Communicator* host, int device)
      : Communicator(host->rank(), host->size()), host_(host), stream_(device) {
    set_timeout(host->timeout());
    ncclUniqueId id = {};
    if (rank() == 0) Check(ncclGetUniqueId(&id), "ncclGetUniqueId");
    const std::string text =
        host->BroadcastString(std::string(id.internal, sizeof(id.internal)), 0);
    text.copy(id.internal, sizeof(id.internal));
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    const Deadline deadline = After(timeout());
    Settle(ncclCommInitRankConfig(&comm_, size(), id, rank(), &config),
           "start of NCCL", deadline);
  }
  // A communicator that others may have left cannot be closed in order.
  ~NcclCommunicator() override { ncclCommAbort(comm_); }

  const char* transport() const override { return "NCCL"; }
  bool on_device() const override { return true; }
  void Fail(const std::string& cause) override { host_->Fail(cause); }
  void ThrowIfFailed() override { host_->ThrowIfFailed(); }
  std::function<void()> MakeFence() override { return stream_.Fence(); }

 protected:
  void Execute(const Collective& call, const void* sent,
               void* received) override {
    if (call.type == DataType::kByte) {
      host_->set_timeout(timeout());
      host_->Call(call, sent, received);
      return;
    }
    const Deadline deadline = After(timeout());
    stream_.MakeCurrent();
    const std::function<void()> fence = TakeFence();
    fence ? fence() : stream_.Fence()();
    Settle(Start(call, sent, received), call.ToString(), deadline);
    while (cudaStreamQuery(stream_.get()) == cudaErrorNotReady) {
      ncclResult_t state = ncclSuccess;
      Check(ncclCommGetAsyncError(comm_, &state), "ncclCommGetAsyncError");
      if (state != ncclInProgress) Check(state, call.ToString());
      Rest(call.ToString(), deadline);
    }
    stream_.Synchronize();  // reports a failed kernel
    CountMoved(MovedBytes(call));
  }

 private:
  using Deadline = std::chrono::steady_clock::time_point;

  static Deadline After(double seconds) {
    return std::chrono::steady_clock::now() +
           std::chrono::duration_cast<Deadline::duration>(
               std::chrono::duration<double>(seconds));
  }

  ncclResult_t Start(const Collective& call, const void* sent, void* received) {
    const ncclDataType_t type = NcclType(call.type);
    const ncclRedOp_t reduce =
        call.reduction == Reduction::kMean ? ncclAvg : ncclSum;
    const cudaStream_t stream = stream_.get();
    switch (call.kind) {
      case Collective::Kind::kAllReduce:
        return ncclAllReduce(sent, received, call.count, type, reduce, comm_,
                             stream);
      case Collective::Kind::kAllGather:
        return ncclAllGather(sent, received, call.count, type, comm_, stream);
      case Collective::Kind::kReduceScatter:
        return ncclReduceScatter(sent, received, call.count, type, reduce,
                                 comm_, stream);
      case Collective::Kind::kBroadcast:
        return ncclBroadcast(sent, received, call.count, type, call.root, comm_,
                             stream);
      case Collective::Kind::kBarrier:
        break;  // has no data: carried by the host, as bytes
    }
    return ncclInvalidArgument;
  }

  // What NCCL's ring sends from each rank.
  uint64_t MovedBytes(const Collective& call) const {
    const uint64_t block = call.count * SizeOf(call.type);
    switch (call.kind) {
      case Collective::Kind::kAllReduce:
        return 2 * block * (size() - 1) / size();
      case Collective::Kind::kBroadcast:
        return block;
      default:
        return block * (size() - 1);
    }
  }

  void Check(ncclResult_t result, const std::string& what) const {
    if (result == ncclSuccess) return;
    throw CommunicatorError(-1, what + ": " + ncclGetErrorString(result) +
                                    " (NCCL_DEBUG=WARN says more)");
  }

  // Waits until a call that does not block has taken effect.
  void Settle(ncclResult_t result, const std::string& what,
              Deadline deadline) const {
    while (result == ncclInProgress) {
      Rest(what, deadline);
      ncclResult_t state = ncclSuccess;
      Check(ncclCommGetAsyncError(comm_, &state), "ncclCommGetAsyncError");
      result = state;
    }
    Check(result, what);
  }

  // NCCL does not say which rank it waits for.
  void Rest(const std::string& what, Deadline deadline) const {
    host_->ThrowIfFailed();
    if (std::chrono::steady_clock::now() > deadline) {
      throw CommunicatorError(-1, what + " timed out after " +
                                      std::to_string(timeout()) +
                                      " s: a rank does not take part");
    }
    std::this_thread::yield();
  }

  Communicator* const host_;
  const DeviceStream stream_;
  ncclComm_t comm_ = nullptr;
};

std::unique_ptr<Communicator> MakeNccl(Communicator* host, int device) {
  return std::make_unique<NcclCommunicator>(host, device);
}

const DeviceTransportRegistration g_register("nccl", &MakeNccl);

}  // namespace
}  // namespace two_stream
