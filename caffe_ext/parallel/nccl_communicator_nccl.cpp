// NCCL: device memory over NVLink, PCIe or the network. The ranks may be
// threads of one process or processes on many hosts; either way the host
// communicator carries the id that joins them. Calls do not block, so that a
// wait can end at its deadline or when a rank has failed.
//
// A kernel of NCCL waits on its GPU for those of the other ranks. Until they
// run, calls of CUDA that wait for a whole GPU, such as cudaFree, can wait for
// ever, on any rank. So no kernel starts before the ranks have met on the host,
// where a missing one is found out and named; and SyncSgd lets nothing overlap
// while layers still take memory.
#include <nccl.h>

#include <chrono>
#include <thread>

#include "caffe_ext/parallel/device_communicator.hpp"
#include "caffe_ext/parallel/device_transport.hpp"

namespace two_stream {
namespace {

ncclDataType_t NcclType(DataType type) {
  return type == DataType::kFloat ? ncclFloat : ncclDouble;
}

class NcclCommunicator : public DeviceCommunicator {
 public:
  NcclCommunicator(Communicator* host, int device)
      : DeviceCommunicator(host, device) {
    ncclUniqueId id = {};
    if (rank() == 0) Check(ncclGetUniqueId(&id), "ncclGetUniqueId");
    const std::string text =
        host->BroadcastString(std::string(id.internal, sizeof(id.internal)), 0);
    text.copy(id.internal, sizeof(id.internal));
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    Settle(ncclCommInitRankConfig(&comm_, size(), id, rank(), &config),
           "start of NCCL", Clock::now());
    host->Barrier();  // none starts a kernel while others still take memory
  }
  // A communicator that others may have left cannot be closed in order.
  ~NcclCommunicator() override { ncclCommAbort(comm_); }

  const char* transport() const override { return "NCCL"; }

 protected:
  void ExecuteOnDevice(const Collective& call, const char* sent,
                       char* received) override {
    host().Barrier();
    const Clock::time_point start = Clock::now();
    Settle(Start(call, sent, received), call.ToString(), start);
    while (!stream().Idle()) {
      const ncclResult_t state = State();
      if (state != ncclInProgress) Check(state, call.ToString());
      Rest(call.ToString(), start);
    }
    CountMoved(MovedBytes(call));
  }

 private:
  using Clock = std::chrono::steady_clock;

  ncclResult_t Start(const Collective& call, const void* sent, void* received) {
    const ncclDataType_t type = NcclType(call.type);
    const ncclRedOp_t reduce =
        call.reduction == Reduction::kMean ? ncclAvg : ncclSum;
    const cudaStream_t on = stream().get();
    switch (call.kind) {
      case Collective::Kind::kAllReduce:
        return ncclAllReduce(sent, received, call.count, type, reduce, comm_,
                             on);
      case Collective::Kind::kAllGather:
        return ncclAllGather(sent, received, call.count, type, comm_, on);
      case Collective::Kind::kReduceScatter:
        return ncclReduceScatter(sent, received, call.count, type, reduce,
                                 comm_, on);
      case Collective::Kind::kBroadcast:
        return ncclBroadcast(sent, received, call.count, type, call.root, comm_,
                             on);
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

  ncclResult_t State() const {
    ncclResult_t state = ncclSuccess;
    Check(ncclCommGetAsyncError(comm_, &state), "ncclCommGetAsyncError");
    return state;
  }

  // Waits until a call that does not block has taken effect.
  void Settle(ncclResult_t result, const std::string& what,
              Clock::time_point start) const {
    while (result == ncclInProgress) {
      Rest(what, start);
      result = State();
    }
    Check(result, what);
  }

  // NCCL does not say which rank it waits for.
  void Rest(const std::string& what, Clock::time_point start) const {
    host().ThrowIfFailed();
    const std::chrono::duration<double> waited = Clock::now() - start;
    if (waited.count() > timeout()) {
      throw CommunicatorError(-1, what + " timed out after " +
                                      std::to_string(timeout()) +
                                      " s: a rank does not take part");
    }
    if (waited.count() < 1e-3) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }

  ncclComm_t comm_ = nullptr;
};

std::unique_ptr<Communicator> MakeNccl(Communicator* host, int device) {
  return std::make_unique<NcclCommunicator>(host, device);
}

const DeviceTransportRegistration g_register("nccl", &MakeNccl);

}  // namespace
}  // namespace two_stream
