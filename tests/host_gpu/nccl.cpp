// NCCL among the threads of one process, on the stand-in's streams. As calls
// that do not block may, all of them take a while to have an effect; and a
// collective's kernel is over when those of all ranks are.
#include <glog/logging.h>
#include <nccl.h>

#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/host_gpu/host_gpu.hpp"

namespace {

enum class Kind { kAllReduce, kAllGather, kReduceScatter, kBroadcast };

struct Call {
  Kind kind;
  const void* sent;
  void* received;
  size_t count;
  ncclDataType_t type;
  ncclRedOp_t op;
  int root;
};

// The ranks that were given the same id.
struct Group {
  explicit Group(int size) : calls(size) {}
  std::vector<Call> calls;  // of this turn
  int arrived = 0;
  int turn = 0;
};

template <typename T>
const T* Sent(const Group& group, size_t rank, size_t count) {
  const void* data = group.calls[rank].sent;
  two_stream::RequireOnDevice(data, count * sizeof(T));
  return static_cast<const T*>(data);
}

// Sums of `count` elements of each rank's; a mean is of divided terms.
template <typename T>
std::vector<T> Sum(const Group& group, size_t count) {
  const int size = group.calls.size();
  const T factor = group.calls[0].op == ncclAvg ? T(1) / size : T(1);
  std::vector<T> sum(count, 0);
  for (int r = 0; r < size; ++r) {
    const T* sent = Sent<T>(group, r, count);
    for (size_t i = 0; i < count; ++i) sum[i] += sent[i] * factor;
  }
  return sum;
}

template <typename T>
void Put(const Call& call, const T* from, size_t count) {
  two_stream::RequireOnDevice(call.received, count * sizeof(T));
  std::memcpy(call.received, from, count * sizeof(T));
}

template <typename T>
void Finish(const Group& group) {
  const int size = group.calls.size();
  const Call& first = group.calls[0];
  const size_t count = first.count;
  std::vector<T> all;
  switch (first.kind) {
    case Kind::kAllReduce:
      all = Sum<T>(group, count);
      break;
    case Kind::kReduceScatter:
      all = Sum<T>(group, count * size);
      break;
    case Kind::kBroadcast:
      all.assign(Sent<T>(group, first.root, count),
                 Sent<T>(group, first.root, count) + count);
      break;
    case Kind::kAllGather:
      for (int r = 0; r < size; ++r) {
        const T* sent = Sent<T>(group, r, count);
        all.insert(all.end(), sent, sent + count);
      }
      break;
  }
  for (int r = 0; r < size; ++r) {
    CHECK(group.calls[r].kind == first.kind && group.calls[r].count == count);
    if (first.kind == Kind::kReduceScatter) {
      Put(group.calls[r], all.data() + r * count, count);
    } else {
      Put(group.calls[r], all.data(), all.size());
    }
  }
}

}  // namespace

struct ncclComm {
  std::shared_ptr<Group> group;
  int rank = 0;
  int questions = 0;  // until the last call has taken effect
  std::shared_ptr<bool> aborted = std::make_shared<bool>(false);
};

namespace {

ncclResult_t Start(ncclComm_t comm, cudaStream_t stream, const Call& call) {
  if (!comm || *comm->aborted) return ncclInvalidArgument;
  CHECK_EQ(comm->questions, 0) << "the call before is still in progress";
  comm->questions = 2;
  auto kernel = [group = comm->group, rank = comm->rank, call,
                 aborted = comm->aborted, turn = -1]() mutable {
    if (*aborted) return true;
    if (two_stream::HostGpu::Get().nccl_stuck) return false;
    if (turn < 0) {
      turn = group->turn;
      group->calls[rank] = call;
      if (++group->arrived == group->calls.size()) {
        call.type == ncclFloat ? Finish<float>(*group) : Finish<double>(*group);
        group->arrived = 0;
        ++group->turn;
      }
    }
    return group->turn > turn;
  };
  two_stream::Enqueue(stream, kernel);
  ++two_stream::HostGpu::Get().nccl_kernels;
  return ncclInProgress;
}

}  // namespace

extern "C" {

const char* ncclGetErrorString(ncclResult_t result) {
  return result == ncclInvalidArgument ? "invalid argument" : "an error";
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  static int last = 0;
  std::memset(id, 0, sizeof(*id));
  id->internal[sizeof(id->internal) - 1] = static_cast<char>(++last);
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int size, ncclUniqueId id,
                                    int rank, ncclConfig_t* config) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<Group>> groups;
  CHECK_EQ(config->blocking, 0);
  std::lock_guard<std::mutex> lock(mutex);
  auto& group = groups[std::string(id.internal, sizeof(id.internal))];
  if (!group) group = std::make_shared<Group>(size);
  *comm = new ncclComm;
  (*comm)->group = group;
  (*comm)->rank = rank;
  (*comm)->questions = 3;
  return ncclInProgress;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* state) {
  if (!comm) return ncclInvalidArgument;
  if (comm->questions > 0) --comm->questions;
  *state = comm->questions > 0 ? ncclInProgress : ncclSuccess;
  return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  if (comm) *comm->aborted = true;
  delete comm;
  return ncclSuccess;
}

ncclResult_t ncclAllReduce(const void* sent, void* received, size_t count,
                           ncclDataType_t type, ncclRedOp_t op, ncclComm_t comm,
                           cudaStream_t stream) {
  return Start(comm, stream,
               {Kind::kAllReduce, sent, received, count, type, op, 0});
}

ncclResult_t ncclAllGather(const void* sent, void* received, size_t count,
                           ncclDataType_t type, ncclComm_t comm,
                           cudaStream_t stream) {
  return Start(comm, stream,
               {Kind::kAllGather, sent, received, count, type, ncclSum, 0});
}

ncclResult_t ncclReduceScatter(const void* sent, void* received, size_t count,
                               ncclDataType_t type, ncclRedOp_t op,
                               ncclComm_t comm, cudaStream_t stream) {
  return Start(comm, stream,
               {Kind::kReduceScatter, sent, received, count, type, op, 0});
}

ncclResult_t ncclBroadcast(const void* sent, void* received, size_t count,
                           ncclDataType_t type, int root, ncclComm_t comm,
                           cudaStream_t stream) {
  return Start(comm, stream,
               {Kind::kBroadcast, sent, received, count, type, ncclSum, root});
}

}  // extern "C"
