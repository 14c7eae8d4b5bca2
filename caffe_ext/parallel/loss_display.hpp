#ifndef TWO_STREAM_PARALLEL_LOSS_DISPLAY_HPP_
#define TWO_STREAM_PARALLEL_LOSS_DISPLAY_HPP_

#include <chrono>
#include <deque>
#include <vector>

#include "caffe/solver.hpp"
#include "caffe_ext/parallel/communicator.hpp"

namespace two_stream {

// Logs what Caffe's solver does every `display` steps, in its words, with the
// loss and the train net's outputs averaged over all ranks; nothing if the
// solver still does it (for debug_info, which belongs to its own display).
template <typename Dtype>
class LossDisplay : public caffe::Solver<Dtype>::Callback,
                    public caffe::Net<Dtype>::Callback {
 public:
  // Registers itself with the solver and its net. `schedule` is the solver's
  // parameter before its schedule was taken over.
  LossDisplay(const caffe::SolverParameter& schedule,
              Communicator* communicator, caffe::Solver<Dtype>* solver);

  // A collective: the mean over ranks of the last pass's loss.
  double LastLoss();

 protected:
  void on_start() override;
  void run(int layer) override;  // after its forward
  void on_gradients_ready() override;

 private:
  using Clock = std::chrono::steady_clock;

  // Sum of the outputs that are losses, weighted: what Caffe's Forward returns.
  double PassLoss() const;
  std::vector<double> MeanOutputs();

  const caffe::SolverParameter schedule_;
  Communicator* const communicator_;
  caffe::Solver<Dtype>* const solver_;
  double loss_ = 0;            // of this step's passes so far
  std::deque<double> recent_;  // of the last average_loss steps
  Clock::time_point last_time_ = Clock::now();
  int last_iter_ = 0;
};

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_LOSS_DISPLAY_HPP_
