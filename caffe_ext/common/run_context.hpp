#ifndef TWO_STREAM_COMMON_RUN_CONTEXT_HPP_
#define TWO_STREAM_COMMON_RUN_CONTEXT_HPP_

#include <cstdint>
#include <optional>

namespace two_stream {

// What a layer must know about the run it is part of. The runner (the caffe
// command, the parallel engine) sets it on the thread that builds and drives a
// net, before the net is built; layers read it in LayerSetUp. Thread-local, as
// Caffe's own context is, so that several ranks can live in one process.
//
// Caffe has no getter for its seed, and seeds rank r with seed + r; this seed
// is the same on every rank, as counter-based streams need it.
struct RunContext {
  uint64_t seed = 0;
  int rank = 0;
  int world = 1;
  // TEST nets read their rank's share of the list too. Off: each reads it all.
  bool shard_test_nets = false;
  // Of this host, for this rank's threads; 0: all.
  int cores = 0;

  // The calling thread's context; empty when no runner has set one. Then layers
  // take Caffe::solver_rank() and solver_count(), and draw a seed from Caffe's
  // generator, which is reproducible on one rank.
  static std::optional<RunContext>& Current() {
    static thread_local std::optional<RunContext> current;
    return current;
  }
};

// Sets the calling thread's context for as long as it lives.
class ScopedRunContext {
 public:
  explicit ScopedRunContext(const RunContext& context)
      : previous_(RunContext::Current()) {
    RunContext::Current() = context;
  }
  ~ScopedRunContext() { RunContext::Current() = previous_; }
  ScopedRunContext(const ScopedRunContext&) = delete;
  ScopedRunContext& operator=(const ScopedRunContext&) = delete;

 private:
  std::optional<RunContext> previous_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_COMMON_RUN_CONTEXT_HPP_
