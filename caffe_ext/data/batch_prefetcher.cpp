#include "caffe_ext/data/batch_prefetcher.hpp"

#include <algorithm>
#include <utility>

namespace two_stream {

template <typename Dtype>
BatchPrefetcher<Dtype>::BatchPrefetcher(uint32_t batch_size,
                                        size_t sample_count, int threads,
                                        int depth, FillItem fill)
    : batch_size_(batch_size),
      sample_count_(sample_count),
      fill_(std::move(fill)),
      slots_(depth + 1) {  // one more is out with the caller
  for (Slot& slot : slots_) {
    slot.memory = std::make_unique<caffe::SyncedMemory>(
        batch_size * sample_count * sizeof(Dtype));
    slot.batch.data = static_cast<Dtype*>(slot.memory->mutable_cpu_data());
    slot.batch.labels.resize(batch_size);
    slot.batch.failures.resize(batch_size);
    slot.errors.resize(batch_size);
    slot.missing = batch_size;
  }
  for (int i = 0; i < threads; ++i)
    threads_.emplace_back(&BatchPrefetcher::ReadAhead, this);
}

template <typename Dtype>
BatchPrefetcher<Dtype>::~BatchPrefetcher() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  slot_free_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

template <typename Dtype>
void BatchPrefetcher<Dtype>::ReadAhead() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    slot_free_.wait(lock, [this] {
      return stop_ || next_item_ / batch_size_ < released_ + slots_.size();
    });
    if (stop_) return;
    const uint64_t batch = next_item_ / batch_size_;
    const uint32_t item = static_cast<uint32_t>(next_item_ % batch_size_);
    next_item_ += 1;
    Slot& slot = SlotOf(batch);
    lock.unlock();
    try {
      slot.batch.failures[item].clear();
      fill_(batch, item, slot.batch.data + item * sample_count_,
            &slot.batch.labels[item], &slot.batch.failures[item]);
    } catch (...) {
      slot.errors[item] = std::current_exception();
    }
    lock.lock();
    slot.missing -= 1;
    if (slot.missing == 0) batch_ready_.notify_all();
  }
}

template <typename Dtype>
const PrefetchedBatch<Dtype>& BatchPrefetcher<Dtype>::Next() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (delivered_ > released_) {
    SlotOf(released_).missing = batch_size_;
    released_ += 1;
    slot_free_.notify_all();
  }
  Slot& slot = SlotOf(delivered_);
  batch_ready_.wait(lock, [&slot] { return slot.missing == 0; });
  for (const std::exception_ptr& error : slot.errors) {
    if (error) std::rethrow_exception(error);
  }
  delivered_ += 1;
  return slot.batch;
}

template <typename Dtype>
const PrefetchedBatch<Dtype>* BatchPrefetcher<Dtype>::Peek() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (delivered_ == released_ + slots_.size()) return nullptr;  // all are out
  const Slot& slot = SlotOf(delivered_);
  const bool failed = std::any_of(slot.errors.begin(), slot.errors.end(),
                                  [](const auto& error) { return !!error; });
  return slot.missing == 0 && !failed ? &slot.batch : nullptr;
}

template class BatchPrefetcher<float>;
template class BatchPrefetcher<double>;

}  // namespace two_stream
