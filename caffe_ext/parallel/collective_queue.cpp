#include "caffe_ext/parallel/collective_queue.hpp"

#include <chrono>
#include <utility>

#include "caffe_ext/parallel/rank_failure.hpp"

namespace two_stream {
namespace {

double Now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

CollectiveQueue::CollectiveQueue(Communicator* communicator)
    : communicator_(communicator), thread_([this, name = RankName()] {
        const ScopedRankName rank(name);
        Loop();
      }) {}

CollectiveQueue::~CollectiveQueue() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void CollectiveQueue::Submit(Job job) {
  auto fenced = [fence = communicator_->MakeFence(),
                 job = std::move(job)](Communicator* communicator) {
    communicator->set_fence(fence);
    job(communicator);
  };
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (error_) return;  // it would only wait for what is gone
    jobs_.push_back(std::move(fenced));
  }
  changed_.notify_all();
}

void CollectiveQueue::Wait() {
  const double start = Now();
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return error_ || (jobs_.empty() && !running_); });
  waited_ += Now() - start;
  if (error_) std::rethrow_exception(error_);
}

void CollectiveQueue::Loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stop_ || !jobs_.empty(); });
    if (stop_) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    running_ = true;
    lock.unlock();
    const double start = Now();
    std::exception_ptr error;
    try {
      job(communicator_);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    busy_ += Now() - start;
    running_ = false;
    if (error) {
      error_ = error;
      jobs_.clear();
    }
    changed_.notify_all();
  }
}

}  // namespace two_stream
