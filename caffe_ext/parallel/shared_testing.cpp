#include "caffe_ext/parallel/shared_testing.hpp"

#include <cmath>
#include <sstream>

#include "caffe_ext/common/data_cursor.hpp"

namespace two_stream {
namespace {

// The net's data layers, for the iterations that other ranks run.
template <typename Dtype>
class Sources {
 public:
  explicit Sources(caffe::Net<Dtype>* net) : net_(net) {
    for (int i = 0; i < net->layers().size(); ++i) {
      auto* cursor = dynamic_cast<DataCursor*>(net->layers()[i].get());
      if (cursor) {
        cursors_.push_back(cursor);
        starts_.push_back(cursor->data_cursor());
      } else if (net->bottom_vecs()[i].empty()) {
        unsharded_.push_back(i);
      }
    }
  }

  // Reads past the batch of another rank.
  void Skip() {
    for (int i : unsharded_) {
      net_->layers()[i]->Forward(net_->bottom_vecs()[i], net_->top_vecs()[i]);
    }
  }

  // `rounds` is how many batches this rank has read; rank 0 has read most.
  void EndAfter(int iterations, int rounds, Communicator* communicator) {
    for (int i = 0; i < cursors_.size(); ++i) {
      const uint64_t now = cursors_[i]->data_cursor();
      const double mine = rounds == 0 ? 0 : double(now - starts_[i]) / rounds;
      const double batch =
          communicator->AllGatherValue(mine)[0] / communicator->size();
      const uint64_t end =
          starts_[i] + static_cast<uint64_t>(std::llround(batch * iterations));
      if (end != now) cursors_[i]->set_data_cursor(end);
    }
  }

 private:
  caffe::Net<Dtype>* const net_;
  std::vector<DataCursor*> cursors_;
  std::vector<uint64_t> starts_;
  std::vector<int> unsharded_;
};

}  // namespace

template <typename Dtype>
std::vector<double> TestShared(int iterations, caffe::Net<Dtype>* net,
                               Communicator* communicator,
                               const std::function<bool()>& interrupted) {
  size_t values = 1;
  for (const auto* blob : net->output_blobs()) values += blob->count();
  std::vector<double> sums(values, 0);
  Sources<Dtype> sources(net);
  int rounds = 0;
  for (int begin = 0; begin < iterations; begin += communicator->size()) {
    if (interrupted()) {
      sources.EndAfter(iterations, rounds, communicator);
      return {};
    }
    for (int rank = 0; rank < communicator->size(); ++rank) {
      if (begin + rank >= iterations) break;
      if (rank != communicator->rank()) {
        sources.Skip();
        continue;
      }
      Dtype loss;
      const auto& outputs = net->Forward(&loss);
      sums[0] += loss;
      size_t at = 1;
      for (const auto* blob : outputs) {
        const Dtype* data = blob->cpu_data();
        for (int k = 0; k < blob->count(); ++k) sums[at++] += data[k];
      }
      ++rounds;
    }
  }
  sources.EndAfter(iterations, rounds, communicator);
  // Bytes, since a device transport takes numbers in device memory.
  const std::vector<std::string> all = communicator->AllGatherString(
      std::string(reinterpret_cast<const char*>(sums.data()),
                  sums.size() * sizeof(double)));
  std::vector<double> means(values, 0);
  for (const std::string& bytes : all) {
    const double* terms = reinterpret_cast<const double*>(bytes.data());
    for (size_t i = 0; i < values; ++i) means[i] += terms[i];
  }
  for (double& mean : means) mean /= iterations;
  return means;
}

std::string LossSuffix(double weight, double value) {
  if (weight == 0) return "";
  std::ostringstream text;
  text << " (* " << weight << " = " << weight * value << " loss)";
  return text.str();
}

template <typename Dtype>
void LogTestResult(const std::vector<double>& result, bool with_loss,
                   const caffe::Net<Dtype>& net) {
  if (with_loss) LOG(INFO) << "Test loss: " << result[0];
  size_t at = 0;
  for (int i = 0; i < net.output_blobs().size(); ++i) {
    const int blob = net.output_blob_indices()[i];
    for (int k = 0; k < net.output_blobs()[i]->count(); ++k, ++at) {
      LOG(INFO) << "    Test net output #" << at << ": "
                << net.blob_names()[blob] << " = " << result[at + 1]
                << LossSuffix(net.blob_loss_weights()[blob], result[at + 1]);
    }
  }
}

#define INSTANTIATE(Dtype)                                                   \
  template std::vector<double> TestShared(                                   \
      int, caffe::Net<Dtype>*, Communicator*, const std::function<bool()>&); \
  template void LogTestResult(const std::vector<double>&, bool,              \
                              const caffe::Net<Dtype>&)
INSTANTIATE(float);
INSTANTIATE(double);
#undef INSTANTIATE

}  // namespace two_stream
