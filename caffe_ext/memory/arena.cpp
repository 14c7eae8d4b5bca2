#include "caffe_ext/memory/arena.hpp"

#include <boost/make_shared.hpp>
#include <cstdint>
#include <cstring>
#include <vector>

#include "caffe/util/math_functions.hpp"

namespace two_stream {
namespace {

// Of the buffer's begin; more than any offset's alignment.
constexpr size_t kPage = 4096;

char* BeginOf(caffe::SyncedMemory* buffer, bool gpu) {
  return static_cast<char*>(gpu ? buffer->mutable_gpu_data()
                                : buffer->mutable_cpu_data());
}

}  // namespace

void Arena::Reserve(size_t bytes, bool gpu) {
  if (buffer_ && gpu == gpu_ && bytes <= bytes_) return;
  buffer_.reset();  // frees the old one first, if nothing lies in it
  buffer_ = boost::make_shared<caffe::SyncedMemory>(bytes + kPage);
  char* begin = BeginOf(buffer_.get(), gpu);
  begin_ = begin + (kPage - reinterpret_cast<uintptr_t>(begin) % kPage) % kPage;
  bytes_ = bytes;
  gpu_ = gpu;
}

void Arena::Poison(const ByteRange& range) {
  std::memset(begin_ + range.begin, 0xff, range.end - range.begin);
}

LentMemory::LentMemory(size_t bytes)
    : owner_(boost::make_shared<SyncedMemoryPtr>()) {
  const auto owner = owner_;
  memory_.reset(new caffe::SyncedMemory(bytes),
                [owner](caffe::SyncedMemory* memory) { delete memory; });
}

void LentMemory::Point(char* bytes, bool gpu) {
  bytes_ = bytes;
  gpu_ = gpu;
  if (gpu) {
    memory_->set_gpu_data(bytes);
  } else {
    memory_->set_cpu_data(bytes);
  }
}

void LentMemory::PlaceIn(const Arena& arena, size_t offset) {
  CHECK_LE(offset + memory_->size(), arena.bytes_);
  char* bytes = arena.begin_ + offset;
  if (*owner_ == arena.buffer_ && bytes == bytes_) return;
  *owner_ = arena.buffer_;
  Point(bytes, arena.gpu_);
}

void LentMemory::PlaceApart(bool keep_content) {
  std::vector<char> content;
  if (keep_content) {
    const char* from = static_cast<const char*>(memory_->cpu_data());
    content.assign(from, from + memory_->size());
  }
  auto buffer = boost::make_shared<caffe::SyncedMemory>(memory_->size());
  Point(BeginOf(buffer.get(), gpu_), gpu_);
  *owner_ = buffer;
  if (keep_content) {
    std::memcpy(memory_->mutable_cpu_data(), content.data(), content.size());
  }
}

}  // namespace two_stream
