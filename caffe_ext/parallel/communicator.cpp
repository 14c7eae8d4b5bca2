#include "caffe_ext/parallel/communicator.hpp"

#include <glog/logging.h>

#include <algorithm>
#include <cstring>
#include <sstream>

#include "caffe_ext/parallel/tensor_memory.hpp"

namespace two_stream {
namespace {

template <typename T>
void AccumulateAs(const void* term, size_t count, void* sum) {
  const T* from = static_cast<const T*>(term);
  T* to = static_cast<T*>(sum);
  for (size_t i = 0; i < count; ++i) to[i] += from[i];
}

template <typename T>
void DivideAs(int size, size_t count, void* data) {
  T* values = static_cast<T*>(data);
  const T factor = T(1) / size;
  for (size_t i = 0; i < count; ++i) values[i] *= factor;
}

const char* KindName(Collective::Kind kind) {
  switch (kind) {
    case Collective::Kind::kAllReduce:
      return "all-reduce";
    case Collective::Kind::kAllGather:
      return "all-gather";
    case Collective::Kind::kReduceScatter:
      return "reduce-scatter";
    case Collective::Kind::kBroadcast:
      return "broadcast";
    case Collective::Kind::kBarrier:
      return "barrier";
  }
  return "?";
}

}  // namespace

size_t SizeOf(DataType type) {
  switch (type) {
    case DataType::kByte:
      return 1;
    case DataType::kFloat:
      return sizeof(float);
    case DataType::kDouble:
      return sizeof(double);
  }
  return 0;
}

const char* NameOf(DataType type) {
  switch (type) {
    case DataType::kByte:
      return "byte";
    case DataType::kFloat:
      return "float";
    case DataType::kDouble:
      return "double";
  }
  return "?";
}

void Accumulate(DataType type, const void* term, size_t count, void* sum) {
  if (type == DataType::kFloat) {
    AccumulateAs<float>(term, count, sum);
  } else {
    CHECK(type == DataType::kDouble) << "bytes cannot be summed";
    AccumulateAs<double>(term, count, sum);
  }
}

void DivideBy(int size, DataType type, size_t count, void* data) {
  if (type == DataType::kFloat) {
    DivideAs<float>(size, count, data);
  } else {
    CHECK(type == DataType::kDouble) << "bytes have no mean";
    DivideAs<double>(size, count, data);
  }
}

bool Collective::operator==(const Collective& other) const {
  return kind == other.kind && type == other.type &&
         reduction == other.reduction && count == other.count &&
         root == other.root;
}

std::string Collective::ToString() const {
  std::ostringstream text;
  text << KindName(kind);
  if (kind != Kind::kBarrier) {
    text << " of " << count << " " << NameOf(type);
  }
  if (kind == Kind::kBroadcast) text << " from rank " << root;
  return text.str();
}

Communicator::Communicator(int rank, int size) : rank_(rank), size_(size) {
  CHECK_GE(rank, 0);
  CHECK_LT(rank, size);
}

void Communicator::Call(const Collective& call, const void* sent,
                        void* received) {
  if (call.kind == Collective::Kind::kBroadcast) {
    CHECK_GE(call.root, 0);
    CHECK_LT(call.root, size_);
  }
  ++traffic_.calls;
  const bool is_barrier = call.kind == Collective::Kind::kBarrier;
  if (call.count == 0 && !is_barrier) return;
  if (size_ == 1) {
    if (sent != received) CopySelf(call, sent, received);
    return;
  }
  const bool all_blocks = call.kind == Collective::Kind::kReduceScatter;
  traffic_.payload_bytes +=
      call.count * SizeOf(call.type) * (all_blocks ? size_ : 1);
  Execute(call, sent, received);
}

std::unique_ptr<Communicator> Communicator::WithMemory(
    std::unique_ptr<TensorMemory>) {
  LOG(FATAL) << transport() << " takes host memory alone";
  return nullptr;
}

void Communicator::CopySelf(const Collective& call, const void* sent,
                            void* received) {
  std::memcpy(received, sent, call.count * SizeOf(call.type));
}

void Communicator::Barrier() {
  Call({Collective::Kind::kBarrier, DataType::kByte, Reduction::kSum, 0, 0},
       nullptr, nullptr);
}

std::vector<double> Communicator::AllGatherValue(double sent) {
  std::vector<double> values(size_);
  AllGather(reinterpret_cast<const uint8_t*>(&sent), sizeof(sent),
            reinterpret_cast<uint8_t*>(values.data()));
  return values;
}

std::vector<std::string> Communicator::AllGatherString(
    const std::string& sent) {
  uint8_t length[8];
  for (int i = 0; i < 8; ++i) length[i] = uint64_t(sent.size()) >> (8 * i);
  std::vector<uint8_t> lengths(8 * size_);
  AllGather(length, 8, lengths.data());
  std::vector<size_t> sizes(size_, 0);
  size_t longest = 0;
  for (int r = 0; r < size_; ++r) {
    for (int i = 0; i < 8; ++i) sizes[r] |= size_t(lengths[8 * r + i]) << 8 * i;
    longest = std::max(longest, sizes[r]);
  }
  std::vector<uint8_t> mine(longest), all(longest * size_);
  std::copy(sent.begin(), sent.end(), mine.begin());
  AllGather(mine.data(), longest, all.data());
  std::vector<std::string> strings(size_);
  for (int r = 0; r < size_; ++r) {
    strings[r].assign(all.begin() + r * longest,
                      all.begin() + r * longest + sizes[r]);
  }
  return strings;
}

std::string Communicator::BroadcastString(const std::string& sent, int root) {
  return AllGatherString(rank_ == root ? sent : std::string())[root];
}

}  // namespace two_stream
