#include "caffe_ext/parallel/thread_communicator.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <sstream>

namespace two_stream {
namespace {

// What the ranks of a group share.
class ThreadGroup {
 public:
  struct Post {
    Collective call;
    const char* sent;
    char* received;
  };

  explicit ThreadGroup(int size)
      : posts_(size), arrivals_(size, 0), departures_(size, 0) {}

  // Returns when all ranks have come to their next collective; throws on all of
  // them if one doesn't come.
  void Enter(int rank, const Collective& call, double timeout) {
    std::unique_lock<std::mutex> lock(mutex_);
    ThrowIfFailed();
    const uint64_t turn = ++arrivals_[rank];
    if (AllReached(arrivals_, turn)) {
      begun_ = turn;
      changed_.notify_all();
      return;
    }
    const bool in_time =
        changed_.wait_for(lock, std::chrono::duration<double>(timeout),
                          [&] { return blame_ >= 0 || begun_ >= turn; });
    if (begun_ >= turn) return;
    if (!in_time) {
      SetFailed(FirstMissing(turn), TimeoutText(turn, call, timeout));
    }
    ThrowIfFailed();
  }

  // Returns when all ranks are done with each other's memory: what is copying
  // now ends, whatever fails meanwhile.
  void Leave(int rank) {
    std::unique_lock<std::mutex> lock(mutex_);
    const uint64_t turn = ++departures_[rank];
    changed_.notify_all();
    changed_.wait(lock, [&] { return AllReached(departures_, turn); });
  }

  void Fail(int rank, const std::string& cause) {
    std::lock_guard<std::mutex> lock(mutex_);
    SetFailed(rank, "rank " + std::to_string(rank) + " failed: " + cause);
  }

  void Check() {
    std::lock_guard<std::mutex> lock(mutex_);
    ThrowIfFailed();
  }

  // Each rank writes its own between collectives and reads all of them within
  // one.
  std::vector<Post>& posts() { return posts_; }

 private:
  static bool AllReached(const std::vector<uint64_t>& turns, uint64_t turn) {
    return *std::min_element(turns.begin(), turns.end()) >= turn;
  }
  int FirstMissing(uint64_t turn) const {
    for (size_t r = 0; r < arrivals_.size(); ++r) {
      if (arrivals_[r] < turn) return r;
    }
    return -1;
  }
  std::string TimeoutText(uint64_t turn, const Collective& call,
                          double timeout) const {
    std::ostringstream text;
    text << call.ToString() << " timed out after " << timeout
         << " s: no word from rank";
    for (size_t r = 0; r < arrivals_.size(); ++r) {
      if (arrivals_[r] < turn) text << " " << r;
    }
    return text.str();
  }
  // The first cause stands.
  void SetFailed(int blame, const std::string& text) {
    if (blame_ >= 0) return;
    blame_ = blame;
    failure_ = text;
    changed_.notify_all();
  }
  void ThrowIfFailed() const {
    if (blame_ >= 0) throw CommunicatorError(blame_, failure_);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Post> posts_;
  std::vector<uint64_t> arrivals_, departures_;  // of each rank
  uint64_t begun_ = 0;                           // turns that all came to
  int blame_ = -1;
  std::string failure_;
};

class ThreadCommunicator : public Communicator {
 public:
  ThreadCommunicator(int rank, int size, std::shared_ptr<ThreadGroup> group)
      : Communicator(rank, size), group_(std::move(group)) {}

  const char* transport() const override { return "threads"; }
  void Fail(const std::string& cause) override { group_->Fail(rank(), cause); }
  void ThrowIfFailed() override { group_->Check(); }

 protected:
  void Execute(const Collective& call, const void* sent,
               void* received) override {
    group_->posts()[rank()] = {call, static_cast<const char*>(sent),
                               static_cast<char*>(received)};
    group_->Enter(rank(), call, timeout());
    if (call.kind == Collective::Kind::kBarrier) return;
    CheckAllCall(call);  // throws on all ranks or on none
    switch (call.kind) {
      case Collective::Kind::kAllReduce:
        AllReduceBlock(call);
        break;
      case Collective::Kind::kAllGather:
        Gather(call);
        break;
      case Collective::Kind::kReduceScatter:
        ReduceOwn(call);
        break;
      case Collective::Kind::kBroadcast:
        CopyFromRoot(call);
        break;
      case Collective::Kind::kBarrier:
        break;
    }
    group_->Leave(rank());
  }

 private:
  using Post = ThreadGroup::Post;
  // Bytes summed at a time: fits the first-level cache.
  static constexpr size_t kStrip = 8192;

  void CheckAllCall(const Collective& call) const {
    for (int r = 0; r < size(); ++r) {
      const Collective& other = group_->posts()[r].call;
      if (other == call) continue;
      throw CommunicatorError(r, "rank " + std::to_string(r) + " called " +
                                     other.ToString() + " while rank " +
                                     std::to_string(rank()) + " called " +
                                     call.ToString());
    }
  }

  // Sums, in rank order, `count` elements at `offset` bytes of every rank's
  // sent buffer, and hands each strip to `store(strip, bytes, position)`.
  template <typename Store>
  void SumStrips(const Collective& call, size_t offset, size_t count,
                 Store store) {
    const size_t width = SizeOf(call.type);
    const std::vector<Post>& posts = group_->posts();
    alignas(64) char strip[kStrip];
    for (size_t begin = 0; begin < count * width; begin += kStrip) {
      const size_t bytes = std::min(kStrip, count * width - begin);
      std::memcpy(strip, posts[0].sent + offset + begin, bytes);
      for (int r = 1; r < size(); ++r) {
        Accumulate(call.type, posts[r].sent + offset + begin, bytes / width,
                   strip);
      }
      if (call.reduction == Reduction::kMean) {
        DivideBy(size(), call.type, bytes / width, strip);
      }
      store(strip, bytes, begin);
    }
  }

  void AllReduceBlock(const Collective& call) {
    const size_t width = SizeOf(call.type);
    const size_t begin = call.count * rank() / size();
    const size_t end = call.count * (rank() + 1) / size();
    SumStrips(call, begin * width, end - begin,
              [&](const char* strip, size_t bytes, size_t position) {
                for (const Post& post : group_->posts()) {
                  std::memcpy(post.received + begin * width + position, strip,
                              bytes);
                }
              });
    CountMoved(2 * (size() - 1) * (end - begin) * width);
  }

  void Gather(const Collective& call) {
    const size_t bytes = call.count * SizeOf(call.type);
    char* received = group_->posts()[rank()].received;
    for (int r = 0; r < size(); ++r) {
      std::memcpy(received + r * bytes, group_->posts()[r].sent, bytes);
    }
    CountMoved((size() - 1) * bytes);
  }

  void ReduceOwn(const Collective& call) {
    const size_t bytes = call.count * SizeOf(call.type);
    char* received = group_->posts()[rank()].received;
    SumStrips(call, rank() * bytes, call.count,
              [&](const char* strip, size_t length, size_t position) {
                std::memcpy(received + position, strip, length);
              });
    CountMoved((size() - 1) * bytes);
  }

  void CopyFromRoot(const Collective& call) {
    if (rank() == call.root) return;
    const size_t bytes = call.count * SizeOf(call.type);
    std::memcpy(group_->posts()[rank()].received,
                group_->posts()[call.root].sent, bytes);
    CountMoved(bytes);
  }

  const std::shared_ptr<ThreadGroup> group_;
};

}  // namespace

std::vector<std::unique_ptr<Communicator>> MakeThreadCommunicators(int size) {
  auto group = std::make_shared<ThreadGroup>(size);
  std::vector<std::unique_ptr<Communicator>> communicators;
  for (int rank = 0; rank < size; ++rank) {
    communicators.push_back(
        std::make_unique<ThreadCommunicator>(rank, size, group));
  }
  return communicators;
}

}  // namespace two_stream
