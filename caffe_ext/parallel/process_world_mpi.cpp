// MPI's ranks. Collectives are made of point-to-point messages, so that a wait
// can end at its deadline and knows which rank it is for, and so that sums are
// taken in rank order.
#include <glog/logging.h>
#define OMPI_SKIP_MPICXX
#include <mpi.h>
#ifdef OPEN_MPI
#include <mpi-ext.h>
#endif
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <thread>

#include "caffe_ext/parallel/process_world.hpp"
#include "caffe_ext/parallel/tensor_memory.hpp"

namespace two_stream {
namespace {

using Clock = std::chrono::steady_clock;

// Bytes of one message at most; bounds the scratch memory, too.
constexpr size_t kSegment = 4 << 20;
// Up to this many bytes everything goes to everyone at once: one message time
// instead of two, and each rank hears from every other one.
constexpr size_t kSmall = 16 << 10;

void CheckMpi(int status, const char* call) {
  if (status == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(status, text, &length);
  throw CommunicatorError(-1,
                          std::string(call) + ": " + std::string(text, length));
}

// Whether messages may lie in device memory.
bool KnowsCuda() {
#ifdef MPIX_CUDA_AWARE_SUPPORT
  return MPIX_Query_cuda_support() == 1;
#else
  return false;
#endif
}

// The messages of one phase: posted first, then awaited together.
class Exchange {
 public:
  Exchange(MPI_Comm comm, int tag) : comm_(comm), tag_(tag) {}

  void Send(const void* data, size_t bytes, int to) {
    if (bytes == 0) return;
    Add(to, -1);
    CheckMpi(MPI_Isend(data, static_cast<int>(bytes), MPI_BYTE, to, tag_, comm_,
                       &requests_.back()),
             "MPI_Isend");
  }
  void Receive(void* data, size_t bytes, int from) {
    if (bytes == 0) return;
    Add(from, static_cast<int>(bytes));
    CheckMpi(MPI_Irecv(data, static_cast<int>(bytes), MPI_BYTE, from, tag_,
                       comm_, &requests_.back()),
             "MPI_Irecv");
  }

  // Throws with the ranks whose messages are missing at the deadline, and if a
  // message has another length than this rank expects.
  void Wait(const Collective& call, double timeout,
            const std::vector<std::string>& hosts) {
    const Clock::time_point start = Clock::now();
    std::vector<int> finished(requests_.size());
    std::vector<MPI_Status> statuses(requests_.size());
    size_t left = requests_.size();
    while (left > 0) {
      int count = 0;
      const int status =
          MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(),
                       &count, finished.data(), statuses.data());
      if (status != MPI_SUCCESS && status != MPI_ERR_IN_STATUS) {
        CheckMpi(status, "MPI_Testsome");
      }
      for (int i = 0; i < count; ++i) {
        CheckMessage(call, finished[i], statuses[i],
                     status == MPI_ERR_IN_STATUS, hosts);
      }
      left -= count;
      if (count > 0 || left == 0) continue;
      const std::chrono::duration<double> waited = Clock::now() - start;
      if (waited.count() > timeout) ThrowLate(call, timeout, hosts);
      Rest(waited.count());
    }
  }

 private:
  void Add(int peer, int expected) {
    requests_.push_back(MPI_REQUEST_NULL);
    peers_.push_back(peer);
    expected_.push_back(expected);
  }

  // Ranks may outnumber cores: give way at once, sleep when it takes long.
  static void Rest(double waited) {
    if (waited < 1e-3) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }

  void CheckMessage(const Collective& call, int index, const MPI_Status& status,
                    bool has_error, const std::vector<std::string>& hosts) {
    bool wrong = has_error && status.MPI_ERROR != MPI_SUCCESS &&
                 status.MPI_ERROR != MPI_ERR_PENDING;
    if (!wrong && expected_[index] >= 0) {
      int bytes = 0;
      MPI_Get_count(&status, MPI_BYTE, &bytes);
      wrong = bytes != expected_[index];
    }
    if (!wrong) return;
    const int peer = peers_[index];
    throw CommunicatorError(
        peer, call.ToString() + ": rank " + std::to_string(peer) + " (" +
                  hosts[peer] + ") takes part with another length");
  }

  [[noreturn]] void ThrowLate(const Collective& call, double timeout,
                              const std::vector<std::string>& hosts) {
    std::vector<int> late;
    for (size_t i = 0; i < requests_.size(); ++i) {
      if (requests_[i] != MPI_REQUEST_NULL) late.push_back(peers_[i]);
    }
    std::sort(late.begin(), late.end());
    late.erase(std::unique(late.begin(), late.end()), late.end());
    std::ostringstream text;
    text << call.ToString() << " timed out after " << timeout
         << " s: no word from rank";
    for (int rank : late) text << " " << rank << " (" << hosts[rank] << ")";
    throw CommunicatorError(late.size() == 1 ? late.front() : -1, text.str());
  }

  const MPI_Comm comm_;
  const int tag_;
  std::vector<MPI_Request> requests_;
  std::vector<int> peers_;
  std::vector<int> expected_;  // bytes to receive; -1: sent
};

class MpiCommunicator : public Communicator {
 public:
  MpiCommunicator(MPI_Comm parent, int rank, int size,
                  const std::vector<std::string>& hosts,
                  std::unique_ptr<TensorMemory> memory)
      : Communicator(rank, size), hosts_(hosts), memory_(std::move(memory)) {
    CheckMpi(MPI_Comm_dup(parent, &comm_), "MPI_Comm_dup");
    CheckMpi(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN),
             "MPI_Comm_set_errhandler");
  }
  // The communicator is left to MPI_Finalize: freeing it is a collective, and
  // ranks may end in different states.

  const char* transport() const override { return "MPI"; }
  bool takes_device_memory() const override { return KnowsCuda(); }
  std::unique_ptr<Communicator> WithMemory(
      std::unique_ptr<TensorMemory> memory) override {
    return std::make_unique<MpiCommunicator>(comm_, rank(), size(), hosts_,
                                             std::move(memory));
  }

 protected:
  void Execute(const Collective& call, const void* sent,
               void* received) override {
    const char* from = static_cast<const char*>(sent);
    char* to = static_cast<char*>(received);
    const size_t width = SizeOf(call.type);
    const size_t bytes = call.count * width;
    switch (call.kind) {
      case Collective::Kind::kAllReduce:
        for (size_t begin = 0; begin < bytes; begin += kSegment) {
          AllReduceSegment(call, to + begin,
                           std::min(kSegment, bytes - begin) / width);
        }
        break;
      case Collective::Kind::kAllGather:
        memory_->Copy(from, bytes, to + rank() * bytes);
        for (size_t begin = 0; begin < bytes; begin += kSegment) {
          GatherSegment(call, from + begin, to + begin,
                        std::min(kSegment, bytes - begin), bytes);
        }
        break;
      case Collective::Kind::kReduceScatter:
        for (size_t begin = 0; begin < bytes; begin += kSegment) {
          ReduceSegment(call, from + begin, to + begin,
                        std::min(kSegment, bytes - begin), bytes);
        }
        break;
      case Collective::Kind::kBroadcast:
        for (size_t begin = 0; begin < bytes; begin += kSegment) {
          BroadcastSegment(call, to + begin, std::min(kSegment, bytes - begin));
        }
        break;
      case Collective::Kind::kBarrier:
        Synchronise(call);
        break;
    }
  }

 private:
  // Tags tell apart the phases of neighbouring collectives.
  Exchange NewExchange() {
    tag_ = (tag_ + 1) % 32768;
    return Exchange(comm_, tag_);
  }
  void Send(Exchange* exchange, const void* data, size_t bytes, int to) {
    exchange->Send(data, bytes, to);
    CountMoved(bytes);
  }
  void Wait(Exchange* exchange, const Collective& call) {
    exchange->Wait(call, timeout(), hosts_);
  }
  // Each rank starts with its right neighbour, so that not all send to one.
  int Peer(int i) const { return (rank() + i) % size(); }

  void AllReduceSegment(const Collective& call, char* data, size_t count) {
    const size_t width = SizeOf(call.type);
    if (count * width <= kSmall) {
      scratch_ = memory_->Scratch(count * width * size());
      GatherSegment(call, data, scratch_, count * width, count * width);
      SumScratch(call, data, count * width, data);
      return;
    }
    auto begin = [&](int r) { return count * r / size() * width; };
    auto length = [&](int r) { return begin(r + 1) - begin(r); };
    char* own = data + begin(rank());
    const size_t own_bytes = length(rank());
    {
      scratch_ = memory_->Scratch(own_bytes * size());
      Exchange exchange = NewExchange();
      for (int i = 1; i < size(); ++i) {
        exchange.Receive(scratch_ + Peer(i) * own_bytes, own_bytes, Peer(i));
      }
      for (int i = 1; i < size(); ++i) {
        Send(&exchange, data + begin(Peer(i)), length(Peer(i)), Peer(i));
      }
      Wait(&exchange, call);
      SumScratch(call, own, own_bytes, own);
    }
    Exchange exchange = NewExchange();
    for (int i = 1; i < size(); ++i) {
      exchange.Receive(data + begin(Peer(i)), length(Peer(i)), Peer(i));
    }
    for (int i = 1; i < size(); ++i) {
      Send(&exchange, own, own_bytes, Peer(i));
    }
    Wait(&exchange, call);
  }

  // sum = the ranks' terms in rank order; the others' lie in scratch_.
  void SumScratch(const Collective& call, const char* own, size_t bytes,
                  char* sum) {
    if (bytes == 0) return;
    const size_t count = bytes / SizeOf(call.type);
    memory_->Copy(own, bytes, scratch_ + rank() * bytes);
    for (int r = 1; r < size(); ++r) {
      memory_->Accumulate(call.type, scratch_ + r * bytes, count, scratch_);
    }
    if (call.reduction == Reduction::kMean) {
      memory_->DivideBy(size(), call.type, count, scratch_);
    }
    memory_->Copy(scratch_, bytes, sum);
  }

  void GatherSegment(const Collective& call, const char* from, char* to,
                     size_t bytes, size_t stride) {
    Exchange exchange = NewExchange();
    for (int i = 1; i < size(); ++i) {
      exchange.Receive(to + Peer(i) * stride, bytes, Peer(i));
    }
    for (int i = 1; i < size(); ++i) Send(&exchange, from, bytes, Peer(i));
    Wait(&exchange, call);
  }

  void ReduceSegment(const Collective& call, const char* from, char* to,
                     size_t bytes, size_t stride) {
    scratch_ = memory_->Scratch(bytes * size());
    Exchange exchange = NewExchange();
    for (int i = 1; i < size(); ++i) {
      exchange.Receive(scratch_ + Peer(i) * bytes, bytes, Peer(i));
    }
    for (int i = 1; i < size(); ++i) {
      Send(&exchange, from + Peer(i) * stride, bytes, Peer(i));
    }
    Wait(&exchange, call);
    SumScratch(call, from + rank() * stride, bytes, to);
  }

  // The root scatters a block to each rank and the ranks exchange them, so
  // that no rank sends more than twice the data.
  void BroadcastSegment(const Collective& call, char* data, size_t bytes) {
    auto begin = [&](int r) { return bytes * r / size(); };
    auto length = [&](int r) { return begin(r + 1) - begin(r); };
    const bool is_root = rank() == call.root;
    if (bytes <= kSmall) {
      Exchange exchange = NewExchange();
      for (int i = 1; is_root && i < size(); ++i) {
        Send(&exchange, data, bytes, Peer(i));
      }
      if (!is_root) exchange.Receive(data, bytes, call.root);
      Wait(&exchange, call);
      return;
    }
    {
      Exchange exchange = NewExchange();
      if (is_root) {
        for (int i = 1; i < size(); ++i) {
          Send(&exchange, data + begin(Peer(i)), length(Peer(i)), Peer(i));
        }
      } else {
        exchange.Receive(data + begin(rank()), length(rank()), call.root);
      }
      Wait(&exchange, call);
    }
    Exchange exchange = NewExchange();
    for (int i = 1; i < size(); ++i) {
      const int peer = Peer(i);
      if (!is_root) {
        exchange.Receive(data + begin(peer), length(peer), peer);
      }
      if (peer != call.root) {
        Send(&exchange, data + begin(rank()), length(rank()), peer);
      }
    }
    Wait(&exchange, call);
  }

  void Synchronise(const Collective& call) {
    const char token = 0;
    std::vector<char> tokens(size());
    Exchange exchange = NewExchange();
    for (int i = 1; i < size(); ++i) {
      exchange.Receive(&tokens[Peer(i)], 1, Peer(i));
    }
    for (int i = 1; i < size(); ++i) Send(&exchange, &token, 1, Peer(i));
    Wait(&exchange, call);
  }

  const std::vector<std::string> hosts_;
  MPI_Comm comm_;
  const std::unique_ptr<TensorMemory> memory_;
  int tag_ = 0;
  char* scratch_ = nullptr;
};

// ProcessWorld::cores(); `host`: the ranks of this host.
int CoresOfEach(MPI_Comm host) {
  cpu_set_t own;
  CPU_ZERO(&own);
  sched_getaffinity(0, sizeof(own), &own);
  cpu_set_t all = own;
  CheckMpi(
      MPI_Allreduce(MPI_IN_PLACE, &all, sizeof(all), MPI_BYTE, MPI_BOR, host),
      "MPI_Allreduce");
  int ranks = 1;
  MPI_Comm_size(host, &ranks);
  int cores = std::min(CPU_COUNT(&own), CPU_COUNT(&all) / ranks);
  CheckMpi(
      MPI_Allreduce(MPI_IN_PLACE, &cores, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD),
      "MPI_Allreduce");
  return std::max(1, cores);
}

class MpiWorld : public ProcessWorld {
 public:
  MpiWorld() {
    int provided = 0;
    CheckMpi(
        MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided),
        "MPI_Init_thread");
    CHECK_GE(provided, MPI_THREAD_SERIALIZED)
        << "this MPI allows calls from one thread only";
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    MPI_Comm host;
    CheckMpi(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_,
                                 MPI_INFO_NULL, &host),
             "MPI_Comm_split_type");
    MPI_Comm_rank(host, &local_rank_);
    MPI_Comm_size(host, &local_size_);
    cores_ = CoresOfEach(host);
    MPI_Comm_free(&host);
    char name[MPI_MAX_PROCESSOR_NAME] = {};
    int length = 0;
    MPI_Get_processor_name(name, &length);
    std::vector<char> names(sizeof(name) * size_);
    CheckMpi(MPI_Allgather(name, sizeof(name), MPI_CHAR, names.data(),
                           sizeof(name), MPI_CHAR, MPI_COMM_WORLD),
             "MPI_Allgather");
    for (int r = 0; r < size_; ++r) {
      hosts_.push_back(&names[r * sizeof(name)]);
    }
  }
  ~MpiWorld() override { MPI_Finalize(); }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int local_rank() const override { return local_rank_; }
  int local_size() const override { return local_size_; }
  int cores() const override { return cores_; }
  const std::vector<std::string>& hosts() const override { return hosts_; }
  std::unique_ptr<Communicator> MakeCommunicator() override {
    return std::make_unique<MpiCommunicator>(MPI_COMM_WORLD, rank_, size_,
                                             hosts_, MakeHostMemory());
  }
  [[noreturn]] void Abort(int status) override {
    MPI_Abort(MPI_COMM_WORLD, status);
    std::_Exit(status);
  }

 private:
  int rank_ = 0, size_ = 1, local_rank_ = 0, local_size_ = 1;
  int cores_ = 1;
  std::vector<std::string> hosts_;
};

std::shared_ptr<ProcessWorld> JoinMpi() { return std::make_shared<MpiWorld>(); }

ProcessWorldRegistration g_register_mpi(&JoinMpi);

}  // namespace
}  // namespace two_stream
