#ifndef TWO_STREAM_DATA_BATCH_PREFETCHER_HPP_
#define TWO_STREAM_DATA_BATCH_PREFETCHER_HPP_

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "caffe/syncedmem.hpp"

namespace two_stream {

// A batch as it comes out: items x sample_count values, a label an item. In
// Caffe's GPU mode its memory is page-locked.
template <typename Dtype>
struct PrefetchedBatch {
  Dtype* data = nullptr;
  std::vector<Dtype> labels;
  std::vector<std::vector<std::string>> failures;  // by item
};

// Fills batches ahead on several threads. Threads take items one by one, so a
// slow clip holds up one thread, and every item goes where its number says:
// what comes out doesn't depend on the number of threads.
template <typename Dtype>
class BatchPrefetcher {
 public:
  // Makes item `item` of batch `batch`: sample, label, failures. Called by many
  // threads at once. What it throws comes out of Next().
  using FillItem =
      std::function<void(uint64_t batch, uint32_t item, Dtype* sample,
                         Dtype* label, std::vector<std::string>* failures)>;

  // Starts to read, up to `depth` batches ahead.
  BatchPrefetcher(uint32_t batch_size, size_t sample_count, int threads,
                  int depth, FillItem fill);
  // Waits for the items being read; the rest is dropped.
  ~BatchPrefetcher();
  BatchPrefetcher(const BatchPrefetcher&) = delete;
  BatchPrefetcher& operator=(const BatchPrefetcher&) = delete;

  // Waits for the next batch; it is valid until the next call. Throws the error
  // of the first item of the batch that has one, now and ever after.
  const PrefetchedBatch<Dtype>& Next();
  // The batch that Next() will give, valid for as long as that; null if it
  // isn't ready, or has an error.
  const PrefetchedBatch<Dtype>* Peek();

 private:
  struct Slot {
    std::unique_ptr<caffe::SyncedMemory> memory;
    PrefetchedBatch<Dtype> batch;
    std::vector<std::exception_ptr> errors;
    uint32_t missing = 0;
  };

  void ReadAhead();
  Slot& SlotOf(uint64_t batch) { return slots_[batch % slots_.size()]; }

  const uint32_t batch_size_;
  const size_t sample_count_;
  const FillItem fill_;

  std::mutex mutex_;
  std::condition_variable slot_free_, batch_ready_;
  std::vector<Slot> slots_;
  // Batches below released_ may be overwritten; those below delivered_ are out.
  uint64_t released_ = 0, delivered_ = 0;
  uint64_t next_item_ = 0;  // counted over all batches
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_DATA_BATCH_PREFETCHER_HPP_
