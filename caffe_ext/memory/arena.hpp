#ifndef TWO_STREAM_MEMORY_ARENA_HPP_
#define TWO_STREAM_MEMORY_ARENA_HPP_

#include <boost/shared_ptr.hpp>
#include <boost/weak_ptr.hpp>
#include <cstddef>
#include <memory>

#include "caffe/blob.hpp"
#include "caffe/syncedmem.hpp"
#include "caffe_ext/memory/poison.hpp"

namespace two_stream {

using SyncedMemoryPtr = boost::shared_ptr<caffe::SyncedMemory>;

// The memory that the storages of one or several nets lie in. Nets that never
// run at the same time (a solver's train and test nets) share one. It is owned
// by the storages that lie in it (LentMemory), so it goes when the last blob
// goes, be that before or after the net.
class Arena : public std::enable_shared_from_this<Arena> {
 public:
  // The current buffer is kept if it is large enough and of this mode; else
  // storages placed from now on lie in a new one.
  void Reserve(size_t bytes, bool gpu);

  size_t bytes() const { return bytes_; }

  // Fills a range with NaNs; CPU only.
  void Poison(const ByteRange& range);

  // Who ran last: values that one net left are gone once another has run.
  const void* last_user = nullptr;

 private:
  friend class LentMemory;
  SyncedMemoryPtr buffer_;
  char* begin_ = nullptr;
  size_t bytes_ = 0;
  bool gpu_ = false;
};

// A SyncedMemory that doesn't own its bytes but keeps their owner alive; it can
// be moved to other bytes, and all blobs that share it move with it. This is
// only a handle: it goes when the blobs let it go.
class LentMemory {
 public:
  // To be bound to blobs or a layer, then placed.
  SyncedMemoryPtr Create(size_t bytes);

  // To `offset` of the arena's current buffer.
  void PlaceIn(const std::shared_ptr<Arena>& arena, size_t offset);
  // To a zeroed buffer of its own; keeps the content if `keep_content`. CPU or
  // GPU memory, as it was placed before.
  void PlaceApart(bool keep_content);

  // Whether it was ever created.
  explicit operator bool() const { return created_; }
  // Null when gone.
  SyncedMemoryPtr memory() const { return memory_.lock(); }

 private:
  // Of the bytes.
  struct Owner {
    std::shared_ptr<Arena> arena;
    SyncedMemoryPtr buffer;
  };
  void Point(caffe::SyncedMemory* memory, char* bytes, bool gpu);

  bool created_ = false;
  boost::weak_ptr<caffe::SyncedMemory> memory_;
  std::weak_ptr<Owner> owner_;
  char* bytes_ = nullptr;
  bool gpu_ = false;
};

// Puts `memory` in the place of a blob's data or diff. Caffe's seam for this is
// Blob::ShareData, which takes another blob: this is that blob.
template <typename T>
class CarrierBlob : public caffe::Blob<T> {
 public:
  CarrierBlob(int count, const SyncedMemoryPtr& memory) {
    this->count_ = count;
    this->data_ = memory;
    this->diff_ = memory;
  }
};

template <typename T>
void ReplaceData(caffe::Blob<T>* blob, const SyncedMemoryPtr& memory) {
  blob->ShareData(CarrierBlob<T>(blob->count(), memory));
}

template <typename T>
void ReplaceDiff(caffe::Blob<T>* blob, const SyncedMemoryPtr& memory) {
  blob->ShareDiff(CarrierBlob<T>(blob->count(), memory));
}

}  // namespace two_stream

#endif  // TWO_STREAM_MEMORY_ARENA_HPP_
