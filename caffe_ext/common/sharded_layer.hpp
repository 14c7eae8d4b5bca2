#ifndef TWO_STREAM_COMMON_SHARDED_LAYER_HPP_
#define TWO_STREAM_COMMON_SHARDED_LAYER_HPP_

namespace two_stream {

// A layer that must know which samples of a global batch its rows are. It
// starts with the rank and world of the RunContext; the parallel engine tells
// the layers behind a Gather that they see the whole batch: rank 0 of 1.
class ShardedLayer {
 public:
  virtual ~ShardedLayer() = default;
  virtual void set_shard(int rank, int world) = 0;
};

}  // namespace two_stream

#endif  // TWO_STREAM_COMMON_SHARDED_LAYER_HPP_
