#ifndef TWO_STREAM_PARALLEL_SYNC_SGD_HPP_
#define TWO_STREAM_PARALLEL_SYNC_SGD_HPP_

#include <memory>
#include <string>

#include "caffe/solver.hpp"
#include "caffe_ext/parallel/batch_statistics.hpp"
#include "caffe_ext/parallel/collective_queue.hpp"
#include "caffe_ext/parallel/communicator.hpp"
#include "caffe_ext/parallel/flat_params.hpp"
#include "caffe_ext/parallel/gradient_plan.hpp"

namespace two_stream {

// What the steps so far have communicated, Gather layers included.
struct SyncReport {
  int steps = 0;
  Traffic traffic;
  // In all-reduces, and of that while nothing else was left to do.
  double busy_seconds = 0, waited_seconds = 0;

  // "a step: 59.2 MB to be exchanged, ... of which 92 % hidden behind
  // backward".
  std::string ToString() const;
};

// Synchronous data-parallel SGD: one rank's part. Each rank has a solver over
// its share of every batch; gradients are averaged over the ranks before each
// update, so that N ranks with batch b do what one rank does with batch N x b.
//
// Losses must be means over samples of equal number on each rank (Caffe's
// default for losses without ignored labels). All-reduces start as soon as
// backward has completed a bucket of gradients, on the last pass of iter_size.
// Gradients of layers behind a Gather are the same on all ranks and stay where
// they are.
template <typename Dtype>
class SyncSgd : public caffe::Solver<Dtype>::Callback,
                public caffe::Net<Dtype>::Callback {
 public:
  // Registers itself with the solver and its train net, whose parameters it
  // moves; must outlive both. `bucket_bytes`: the least length of an all-reduce
  // (but the last).
  SyncSgd(Communicator* communicator, size_t bucket_bytes,
          caffe::Solver<Dtype>* solver);

  // Every rank gets rank 0's parameters.
  void BroadcastParams();

  // Compares all parameters, bit for bit, with the other ranks' (a collective).
  // Throws CommunicatorError that names the rank and the parameter.
  void CheckParams();

  const GradientPlan& plan() const { return plan_; }
  SyncReport report() const;

 protected:
  void on_start() override;
  void run(int layer) override;  // after its backward
  void on_gradients_ready() override;

 private:
  // On GPUs, not in the first step: layers then still take memory and measure
  // algorithms, and may have to wait for all that runs on a GPU; nothing there
  // may wait for this rank meanwhile.
  bool MayOverlap() const;
  // Brings gradients that a layer computed on the host into the buffer on the
  // device.
  void Settle(const GradientBucket& bucket);

  Communicator* const communicator_;
  caffe::Solver<Dtype>* const solver_;
  const GradientPlan plan_;
  FlatParams<Dtype> params_;
  BatchStatistics<Dtype> statistics_;
  int pass_ = 0;            // of iter_size
  size_t next_bucket_ = 0;  // to be submitted
  CollectiveQueue queue_;
  Traffic start_;  // of this step
  SyncReport report_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_SYNC_SGD_HPP_
