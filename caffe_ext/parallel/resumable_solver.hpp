#ifndef TWO_STREAM_PARALLEL_RESUMABLE_SOLVER_HPP_
#define TWO_STREAM_PARALLEL_RESUMABLE_SOLVER_HPP_

#include <string>

#include "caffe/proto/caffe.pb.h"
#include "caffe/solver.hpp"

namespace two_stream {

// What Caffe's solvers gain. All of them (SGD, Nesterov, ...) are registered
// anew, under their own names, as classes that have this too, so pycaffe's
// snapshot() and restore() keep and set the run state as well, and
// global_batch_size sets iter_size there, too.
template <typename Dtype>
class ResumableSolver {
 public:
  virtual ~ResumableSolver() = default;

  // The solver and this are one object.
  static ResumableSolver* Of(caffe::Solver<Dtype>* solver) {
    return dynamic_cast<ResumableSolver*>(solver);
  }

  // Caffe's loop no longer tests, writes snapshots or displays the loss by
  // itself: whoever calls this does. param() has lost the schedule then.
  virtual void TakeOverSchedule() = 0;

  // Writes model and solver state, in the solver's format and under Caffe's
  // names; each under a temporary name first, the state last. A run killed at
  // any moment leaves whole files, and a state only with its model. Throws
  // UserError if a file cannot be written.
  virtual void WriteSnapshot(const caffe::RunState& state) = 0;

  // Restore() sets cursors and, on rank r, generator r. What it found:
  virtual const caffe::RunState& restored() const = 0;
};

// The run state of a solver state, without reading it into a solver. Throws
// UserError if the file cannot be read.
caffe::RunState ReadRunState(const std::string& state_file);

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_RESUMABLE_SOLVER_HPP_
