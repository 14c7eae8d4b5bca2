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

SyncedMemoryPtr LentMemory::Create(size_t bytes) {
  const auto owner = std::make_shared<Owner>();
  const SyncedMemoryPtr memory(
      new caffe::SyncedMemory(bytes),
      [owner](caffe::SyncedMemory* gone) { delete gone; });
  created_ = true;
  memory_ = memory;
  owner_ = owner;
  return memory;
}

void LentMemory::Point(caffe::SyncedMemory* memory, char* bytes, bool gpu) {
  bytes_ = bytes;
  gpu_ = gpu;
  if (gpu) {
    memory->set_gpu_data(bytes);
  } else {
    memory->set_cpu_data(bytes);
  }
}

void LentMemory::PlaceIn(const std::shared_ptr<Arena>& arena, size_t offset) {
  const SyncedMemoryPtr memory = memory_.lock();
  if (!memory) return;
  const auto owner = owner_.lock();
  CHECK_LE(offset + memory->size(), arena->bytes_);
  char* bytes = arena->begin_ + offset;
  if (owner->buffer == arena->buffer_ && bytes == bytes_) return;
  owner->arena = arena;
  owner->buffer = arena->buffer_;
  Point(memory.get(), bytes, arena->gpu_);
}

void LentMemory::PlaceApart(bool keep_content) {
  const SyncedMemoryPtr memory = memory_.lock();
  if (!memory) return;
  std::vector<char> content;
  if (keep_content) {
    const char* from = static_cast<const char*>(memory->cpu_data());
    content.assign(from, from + memory->size());
  }
  const auto buffer = boost::make_shared<caffe::SyncedMemory>(memory->size());
  Point(memory.get(), BeginOf(buffer.get(), gpu_), gpu_);
  const auto owner = owner_.lock();
  owner->buffer = buffer;
  owner->arena = nullptr;
  if (keep_content) {
    std::memcpy(memory->mutable_cpu_data(), content.data(), content.size());
  }
}

}  // namespace two_stream
