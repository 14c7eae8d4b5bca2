#ifndef TWO_STREAM_PARALLEL_COMMUNICATOR_HPP_
#define TWO_STREAM_PARALLEL_COMMUNICATOR_HPP_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace two_stream {

enum class DataType { kByte, kFloat, kDouble };
enum class Reduction { kSum, kMean };

size_t SizeOf(DataType type);
const char* NameOf(DataType type);

template <typename T>
struct DataTypeOf;
template <>
struct DataTypeOf<uint8_t> {
  static constexpr DataType value = DataType::kByte;
};
template <>
struct DataTypeOf<float> {
  static constexpr DataType value = DataType::kFloat;
};
template <>
struct DataTypeOf<double> {
  static constexpr DataType value = DataType::kDouble;
};

// One call of one rank, as messages and checks need it.
struct Collective {
  enum class Kind {
    kAllReduce,
    kAllGather,
    kReduceScatter,
    kBroadcast,
    kBarrier
  };
  Kind kind;
  DataType type;
  Reduction reduction;
  size_t count;  // elements of the argument that is alike on all ranks
  int root;

  bool operator==(const Collective& other) const;
  std::string ToString() const;  // "all-reduce of 1000 float"
};

// A collective that cannot be completed. The text is one line that names the
// rank to blame and why; blame() is that rank, or -1 where nobody knows.
class CommunicatorError : public std::runtime_error {
 public:
  CommunicatorError(int blame, const std::string& what)
      : std::runtime_error(what), blame_(blame) {}
  int blame() const { return blame_; }

 private:
  int blame_;
};

// What a rank asked for and what that moved.
struct Traffic {
  uint64_t calls = 0;
  uint64_t payload_bytes = 0;  // of the arguments: what the algorithm needs
  uint64_t moved_bytes = 0;    // sent to other ranks by this one
};

class TensorMemory;

// Collectives among `size` ranks. Every rank calls the same sequence of
// collectives with equal counts; a call returns when this rank's result is in
// place. An instance belongs to one rank and is used by one thread at a time.
//
// Sums are taken in the order of ranks and each element is summed on one rank
// only, so the result has the same bits on all ranks (and, with the threads
// and MPI transports, on either).
//
// Errors: CommunicatorError, within the timeout, when a rank is late, has
// failed, or calls something else. The group is of no use after one.
class Communicator {
 public:
  Communicator(int rank, int size);
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  double timeout() const { return timeout_; }
  void set_timeout(double seconds) { timeout_ = seconds; }
  const Traffic& traffic() const { return traffic_; }

  virtual const char* transport() const = 0;
  // True if the collectives take pointers to device memory (bytes always lie
  // in host memory).
  virtual bool on_device() const { return false; }
  // Whether this, a communicator over host memory, can make one over device
  // memory.
  virtual bool takes_device_memory() const { return false; }
  // The same ranks over another memory (a collective), where it can.
  virtual std::unique_ptr<Communicator> WithMemory(
      std::unique_ptr<TensorMemory> memory);

  // In place over data[0, count).
  template <typename T>
  void AllReduce(T* data, size_t count, Reduction reduction = Reduction::kSum) {
    Call({Collective::Kind::kAllReduce, DataTypeOf<T>::value, reduction, count,
          0},
         data, data);
  }
  // received[0, size * count): the ranks' sent[0, count) in rank order.
  template <typename T>
  void AllGather(const T* sent, size_t count, T* received) {
    Call({Collective::Kind::kAllGather, DataTypeOf<T>::value, Reduction::kSum,
          count, 0},
         sent, received);
  }
  // received[0, count): block `rank` of the sum over ranks of
  // sent[0, size * count).
  template <typename T>
  void ReduceScatter(const T* sent, size_t count, T* received,
                     Reduction reduction = Reduction::kSum) {
    Call({Collective::Kind::kReduceScatter, DataTypeOf<T>::value, reduction,
          count, 0},
         sent, received);
  }
  template <typename T>
  void Broadcast(T* data, size_t count, int root) {
    Call({Collective::Kind::kBroadcast, DataTypeOf<T>::value, Reduction::kSum,
          count, root},
         data, data);
  }
  void Barrier();
  // What the typed functions do; for communicators made of others.
  void Call(const Collective& call, const void* sent, void* received);

  // By rank; in host memory with every transport.
  std::vector<double> AllGatherValue(double sent);
  // Byte strings of any length, by rank.
  std::vector<std::string> AllGatherString(const std::string& sent);
  std::string BroadcastString(const std::string& sent, int root);

  // Tells the other ranks, where the transport can, that this one gives up:
  // their present and later collectives end with `cause`. Any thread.
  virtual void Fail(const std::string& cause) { (void)cause; }
  // Throws if a rank has called Fail() or a collective has failed, where the
  // transport knows; any thread.
  virtual void ThrowIfFailed() {}

  // Device transports run beside the device's other work. Before a collective
  // they wait for all that this process has queued there, or, if a fence was
  // set, for what had been queued when it was made. A fence holds for one
  // collective.
  virtual std::function<void()> MakeFence() { return nullptr; }
  void set_fence(std::function<void()> fence) { fence_ = std::move(fence); }

 protected:
  // `sent` equals `received` for all-reduce and broadcast. Count and size are
  // at least 1 and 2, except for a barrier, whose count is 0.
  virtual void Execute(const Collective& call, const void* sent,
                       void* received) = 0;
  // Size is 1: received = sent.
  virtual void CopySelf(const Collective& call, const void* sent,
                        void* received);
  void CountMoved(uint64_t bytes) { traffic_.moved_bytes += bytes; }
  std::function<void()> TakeFence() { return std::exchange(fence_, nullptr); }

 private:
  const int rank_;
  const int size_;
  double timeout_ = 300;
  Traffic traffic_;
  std::function<void()> fence_;
};

// sum[0, count) += or = term[0, count); host memory.
void Accumulate(DataType type, const void* term, size_t count, void* sum);
// data[0, count) *= 1 / size; host memory.
void DivideBy(int size, DataType type, size_t count, void* data);

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_COMMUNICATOR_HPP_
