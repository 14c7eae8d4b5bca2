#ifndef TWO_STREAM_MEMORY_NET_MEMORY_HPP_
#define TWO_STREAM_MEMORY_NET_MEMORY_HPP_

#include <boost/weak_ptr.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "caffe/net.hpp"
#include "caffe_ext/memory/arena.hpp"
#include "caffe_ext/memory/net_binding.hpp"
#include "caffe_ext/memory/poison.hpp"
#include "caffe_ext/memory/recompute.hpp"

namespace two_stream {

// What OptimizeMemory does to a net.
struct MemoryOptions {
  bool enabled = true;
  // Plan for a backward pass. Without it, Backward() is refused.
  bool backward = true;
  // Blobs that keep buffers of their own; exclude_blob.
  std::set<std::string> excluded;
  // The smallest activations, up to this share of all buffers, keep their own
  // too: they cost next to nothing, and are what is read as features.
  double keep_share = 0;
  // Drop activations and compute them again in backward: these, or, if none is
  // named, as many as it takes for an arena of at most `budget_bytes` (0: as
  // small as possible).
  bool recompute = false;
  std::set<std::string> recompute_blobs;
  size_t budget_bytes = 0;
  // For tests, CPU only: before each step, all bytes that the plan says are
  // dead are overwritten.
  bool poison = false;
};

// In bytes.
struct MemorySummary {
  size_t stock = 0;   // what Caffe would allocate for the same pass
  size_t pinned = 0;  // in buffers of their own
  size_t unshared = 0;
  size_t planned = 0;  // the arena
  size_t lower_bound = 0;
  double recompute_share = 0;  // cost of recomputation / cost of forward
  std::string heuristic;
};

// The shared buffers of one net. Made before the net first runs (memory is
// allocated on first use); from then on it works through the net's callbacks,
// so the net must be run by its own Forward and Backward calls, in whole or in
// part. It must outlive the net's last run, but not the net; not thread-safe.
//
// Nothing is ever read from a buffer that was reused: each step checks that
// what its layer reads is still there, and throws UserError if not. When shapes
// or Caffe's mode change, the net is planned again.
template <typename Dtype>
class NetMemory {
 public:
  // Plans; throws UserError if the options name what can't be done.
  NetMemory(caffe::Net<Dtype>* net, const MemoryOptions& options,
            std::shared_ptr<Arena> arena);
  NetMemory(const NetMemory&) = delete;
  NetMemory& operator=(const NetMemory&) = delete;

  // Places all storages in the arena.
  void Apply();

  MemorySummary Summary() const;
  const Schedule& schedule() const { return plan_.schedule; }

  // False once the net has been destroyed.
  bool NetIsAlive() const { return !alive_.expired(); }

  // Somebody wants to use `memory` between passes, for reading or writing: from
  // now on it is a buffer of its own. "", or why its content is lost. `ours`
  // tells whether it belongs to this net's plan.
  std::string Claim(const caffe::SyncedMemory* memory, bool* ours);
  // The same for a blob's data by name, ahead of a pass.
  void Keep(const std::string& blob);

 private:
  struct Hook : caffe::Net<Dtype>::Callback {
    explicit Hook(std::function<void(int)> f) : on_layer(std::move(f)) {}
    void run(int layer) override { on_layer(layer); }
    std::function<void(int)> on_layer;
  };
  enum class Content { FRESH, VALID, REUSED };

  void Plan();
  RecomputePlan Choose(const NetGraph& graph) const;
  void PinSmallest(NetBinding* binding) const;
  void FindConflicts();
  void LendScratch();
  void Release();
  void RememberShapes();
  bool ShapesChanged(int layer) const;
  void Replan(int from_layer);
  void BeforeForward(int layer);
  void BeforeBackward(int layer);
  void Run(int step);
  void RunAgain(int layer);
  void Activate(int life);
  std::string LostMessage(int storage) const;

  caffe::Net<Dtype>* net_;
  const std::string net_name_;
  boost::weak_ptr<caffe::Layer<Dtype>> alive_;
  MemoryOptions options_;
  std::shared_ptr<Arena> arena_;
  Hook before_forward_;
  Hook before_backward_;

  bool gpu_ = false;
  NetBinding binding_;
  RecomputePlan plan_;
  std::vector<std::vector<int>> conflicts_;   // by life: lives on its bytes
  std::vector<std::vector<ByteRange>> dead_;  // by step, to be poisoned
  std::vector<LentMemory> lent_;              // by storage, where placed
  std::vector<LentMemory> scratch_;           // by layer
  std::map<int, uint64_t> cursors_;  // by layer: DataCursor before its forward
  std::vector<int> life_of_;         // by storage: where it is now
  std::vector<Content> content_;     // by storage
  std::vector<bool> apart_;          // by storage: claimed, has its own buffer
  std::set<std::string> claimed_;    // their blobs
  std::set<std::string> to_keep_;    // to be claimed before the next pass
  std::map<const caffe::SyncedMemory*, int> storage_of_;
  // By blob, as planned.
  std::vector<std::vector<int>> shapes_;
  std::vector<const caffe::SyncedMemory*> data_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_MEMORY_NET_MEMORY_HPP_
