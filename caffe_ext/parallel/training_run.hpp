#ifndef TWO_STREAM_PARALLEL_TRAINING_RUN_HPP_
#define TWO_STREAM_PARALLEL_TRAINING_RUN_HPP_

#include <string>

#include "caffe_ext/parallel/launch.hpp"
#include "caffe_ext/parallel/rank_trainer.hpp"

namespace two_stream {

struct RunOptions {
  TrainingOptions training;
  double timeout = 300;            // of a collective, in seconds
  std::string transport = "auto";  // between devices: see ToDevice()
};

// Trains on all ranks of this process, to the end of the solver's max_iter.
// Derives iter_size from global_batch_size, draws a seed if the solver has
// none, and logs who runs where on which samples.
//
// Throws UserError in the one-process case. Of several processes the one that
// fails prints its line and ends all of them.
void RunTraining(RunOptions options, const Launch& launch);

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_TRAINING_RUN_HPP_
