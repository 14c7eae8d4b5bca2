#ifndef TWO_STREAM_PARALLEL_COLLECTIVE_QUEUE_HPP_
#define TWO_STREAM_PARALLEL_COLLECTIVE_QUEUE_HPP_

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

#include "caffe_ext/parallel/communicator.hpp"

namespace two_stream {

// Runs a rank's collectives one after the other on a thread of its own, while
// the rank's thread goes on. Between Submit() and the end of Wait() the
// communicator belongs to the queue. All ranks submit in the same order.
class CollectiveQueue {
 public:
  using Job = std::function<void(Communicator*)>;

  explicit CollectiveQueue(Communicator* communicator);
  // Ends the thread when its present job is done; later ones are dropped.
  ~CollectiveQueue();
  CollectiveQueue(const CollectiveQueue&) = delete;
  CollectiveQueue& operator=(const CollectiveQueue&) = delete;

  // `job` sees the device work that the caller has queued so far.
  void Submit(Job job);
  // Returns when all jobs are done; throws what the first failed one threw, now
  // and ever after. Nothing runs after it.
  void Wait();

  // Seconds so far: in jobs, and in Wait(). What of the first is not in the
  // second was hidden behind the caller's own work.
  double busy_seconds() const { return busy_; }
  double waited_seconds() const { return waited_; }

 private:
  void Loop();

  Communicator* const communicator_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool running_ = false;
  bool stop_ = false;
  std::exception_ptr error_;
  double busy_ = 0, waited_ = 0;
  std::thread thread_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_COLLECTIVE_QUEUE_HPP_
