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
#include "caffe_ext/memory/memory_options.hpp"
#include "caffe_ext/memory/net_binding.hpp"
#include "caffe_ext/memory/poison.hpp"
#include "caffe_ext/memory/recompute.hpp"

namespace two_stream {

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
            const std::shared_ptr<Arena>& arena);
  NetMemory(const NetMemory&) = delete;
  NetMemory& operator=(const NetMemory&) = delete;

  // Places all storages in the arena.
  void Apply();

  MemorySummary Summary() const { return Summarize(binding_, plan_); }
  const Schedule& schedule() const { return plan_.schedule; }

  // False once the net has been destroyed.
  bool NetIsAlive() const { return !alive_.expired(); }
  // False once all its blobs are gone too.
  bool InUse() const;

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
  void FindConflicts();
  void LendScratch();
  void Release();
  std::vector<std::vector<int>> ShapesAt(int layer) const;
  bool ShapesChanged(int layer) const;
  void Replan(int from_layer);
  void KeepAsked();
  void BeforeForward(int layer);
  void BeforeBackward(int layer);
  void Run(int step);
  void Poison(int step);
  void RunAgain(int layer);
  void Activate(int life);
  void Lose(int storage);
  void MoveApart(int storage);
  std::string LostMessage(int storage) const;

  caffe::Net<Dtype>* net_;
  const std::string net_name_;
  boost::weak_ptr<caffe::Layer<Dtype>> alive_;
  MemoryOptions options_;
  std::weak_ptr<Arena> arena_;  // its storages own it
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
  // By layer: its bottoms and tops when it was last reshaped or planned.
  std::vector<std::vector<std::vector<int>>> shapes_;
  std::vector<const caffe::SyncedMemory*> data_;  // by blob, as planned
};

}  // namespace two_stream

#endif  // TWO_STREAM_MEMORY_NET_MEMORY_HPP_
