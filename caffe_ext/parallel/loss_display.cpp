#include "caffe_ext/parallel/loss_display.hpp"

#include <algorithm>
#include <numeric>
#include <string>

#include "caffe/sgd_solvers.hpp"
#include "caffe_ext/parallel/shared_testing.hpp"

namespace two_stream {

template <typename Dtype>
LossDisplay<Dtype>::LossDisplay(const caffe::SolverParameter& schedule,
                                Communicator* communicator,
                                caffe::Solver<Dtype>* solver)
    : schedule_(schedule),
      communicator_(communicator),
      solver_(solver),
      last_iter_(solver->iter()) {
  solver->add_callback(this);
  solver->net()->add_after_forward(this);
}

template <typename Dtype>
double LossDisplay<Dtype>::PassLoss() const {
  const caffe::Net<Dtype>& net = *solver_->net();
  double loss = 0;
  for (int i = 0; i < net.blobs().size(); ++i) {
    const double weight = net.blob_loss_weights()[i];
    if (weight == 0) continue;
    const Dtype* data = net.blobs()[i]->cpu_data();
    for (int k = 0; k < net.blobs()[i]->count(); ++k) loss += weight * data[k];
  }
  return loss;
}

template <typename Dtype>
double LossDisplay<Dtype>::LastLoss() {
  const std::vector<double> all = communicator_->AllGatherValue(PassLoss());
  return std::accumulate(all.begin(), all.end(), 0.) / all.size();
}

template <typename Dtype>
void LossDisplay<Dtype>::on_start() {
  loss_ = 0;
}

template <typename Dtype>
void LossDisplay<Dtype>::run(int layer) {
  if (layer + 1 == solver_->net()->layers().size()) loss_ += PassLoss();
}

template <typename Dtype>
std::vector<double> LossDisplay<Dtype>::MeanOutputs() {
  std::vector<double> values;
  for (const auto* blob : solver_->net()->output_blobs()) {
    values.insert(values.end(), blob->cpu_data(),
                  blob->cpu_data() + blob->count());
  }
  const std::vector<std::string> all = communicator_->AllGatherString(
      std::string(reinterpret_cast<const char*>(values.data()),
                  values.size() * sizeof(double)));
  std::fill(values.begin(), values.end(), 0);
  for (const std::string& bytes : all) {
    const double* terms = reinterpret_cast<const double*>(bytes.data());
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] += terms[i] / all.size();
    }
  }
  return values;
}

template <typename Dtype>
void LossDisplay<Dtype>::on_gradients_ready() {
  recent_.push_back(loss_ / schedule_.iter_size());
  if (recent_.size() > schedule_.average_loss()) recent_.pop_front();
  const int iter = solver_->iter();
  if (!schedule_.display() || iter % schedule_.display() != 0) return;
  if (solver_->param().display()) return;  // Caffe does

  const std::vector<double> losses = communicator_->AllGatherValue(
      std::accumulate(recent_.begin(), recent_.end(), 0.) / recent_.size());
  const double loss =
      std::accumulate(losses.begin(), losses.end(), 0.) / losses.size();
  const std::vector<double> outputs = MeanOutputs();
  const Clock::time_point now = Clock::now();
  const double seconds =
      std::chrono::duration<double>(now - last_time_).count();
  if (communicator_->rank() == 0) {
    LOG(INFO) << "Iteration " << iter << " ("
              << (iter - last_iter_) / (seconds > 0 ? seconds : 1)
              << " iter/s, " << seconds << "s/" << schedule_.display()
              << " iters), loss = " << loss;
    const caffe::Net<Dtype>& net = *solver_->net();
    size_t at = 0;
    for (int i = 0; i < net.output_blobs().size(); ++i) {
      const int blob = net.output_blob_indices()[i];
      for (int k = 0; k < net.output_blobs()[i]->count(); ++k, ++at) {
        LOG(INFO) << "    Train net output #" << at << ": "
                  << net.blob_names()[blob] << " = " << outputs[at]
                  << LossSuffix(net.blob_loss_weights()[blob], outputs[at]);
      }
    }
  }
  // On every rank: it moves multistep's state on.
  auto* sgd = dynamic_cast<caffe::SGDSolver<Dtype>*>(solver_);
  const Dtype rate = sgd ? sgd->GetLearningRate() : 0;
  if (sgd && communicator_->rank() == 0) {
    LOG(INFO) << "Iteration " << iter << ", lr = " << rate;
  }
  last_time_ = now;
  last_iter_ = iter;
}

template class LossDisplay<float>;
template class LossDisplay<double>;

}  // namespace two_stream
