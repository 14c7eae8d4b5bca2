#ifndef TWO_STREAM_PARALLEL_GLOBAL_BATCH_HPP_
#define TWO_STREAM_PARALLEL_GLOBAL_BATCH_HPP_

#include <string>

#include "caffe/proto/caffe.pb.h"

namespace two_stream {

// How many samples a step takes: batch on each of `ranks`, iter_size times.
struct BatchPlan {
  int batch = 0;  // 0: unknown
  int ranks = 1;
  int iter_size = 1;

  int global() const { return batch * ranks * iter_size; }
  // "global batch 256 = 4 ranks x 16 x iter_size 4".
  std::string ToString() const;
};

// Derives iter_size from the solver's global_batch_size, or takes the solver's
// own where that is not set. Throws UserError, with the nearest numbers that
// would do, when it does not divide or contradicts an iter_size that is set.
BatchPlan PlanBatch(const caffe::SolverParameter& solver, int batch, int ranks);

// The solver's train net, filtered by phase, level and stages.
caffe::NetParameter TrainNet(const caffe::SolverParameter& solver);

// The batch size of a net's first source of data; 0 where there is none or it
// can't be told.
int BatchSize(const caffe::NetParameter& net);

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_GLOBAL_BATCH_HPP_
