#include "caffe_ext/parallel/sync_sgd.hpp"

#include <algorithm>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include "caffe_ext/common/sharded_layer.hpp"
#include "caffe_ext/parallel/replication.hpp"

namespace two_stream {
namespace {

double Megabytes(uint64_t bytes, int steps) { return bytes / 1e6 / steps; }

// Also tells the layers behind a Gather that they see the whole batch.
template <typename Dtype>
GradientPlan PlanFor(const caffe::Net<Dtype>& net, size_t bucket_bytes) {
  const std::vector<bool> replicated = ReplicatedLayers(net);
  for (int i = 0; i < net.layers().size(); ++i) {
    auto* layer = dynamic_cast<ShardedLayer*>(net.layers()[i].get());
    if (layer && replicated[i]) layer->set_shard(0, 1);
  }
  return PlanGradients(PlannedParams(net, replicated),
                       bucket_bytes / sizeof(Dtype));
}

// FNV-1a over 64-bit words.
uint64_t Hash(const void* data, size_t bytes) {
  const char* from = static_cast<const char*>(data);
  uint64_t hash = 0xcbf29ce484222325u;
  while (bytes > 0) {
    uint64_t word = 0;
    const size_t length = std::min(bytes, sizeof(word));
    std::memcpy(&word, from, length);
    hash = (hash ^ word) * 0x100000001b3u;
    hash ^= hash >> 32;
    from += length;
    bytes -= length;
  }
  return hash;
}

// The display name of a learnable parameter: "conv1_1, 0" or its given name.
template <typename Dtype>
std::string NameOfParam(const caffe::Net<Dtype>& net, int learnable) {
  for (int i = 0; i < net.layers().size(); ++i) {
    const auto& blobs = net.layers()[i]->blobs();
    for (int j = 0; j < blobs.size(); ++j) {
      if (blobs[j].get() == net.learnable_params()[learnable]) {
        return net.layer_names()[i] + " [" + std::to_string(j) + "]";
      }
    }
  }
  return "?";
}

}  // namespace

std::string SyncReport::ToString() const {
  if (steps == 0) return "no steps";
  std::ostringstream text;
  text.precision(4);
  text << "a step: " << Megabytes(traffic.payload_bytes, steps)
       << " MB to be exchanged, " << Megabytes(traffic.moved_bytes, steps)
       << " MB sent by each rank; all-reduces take " << busy_seconds / steps
       << " s, of which "
       << 100 * (1 - std::min(1., waited_seconds / busy_seconds))
       << " % hidden behind backward";
  return text.str();
}

template <typename Dtype>
SyncSgd<Dtype>::SyncSgd(Communicator* communicator, size_t bucket_bytes,
                        caffe::Solver<Dtype>* solver)
    : communicator_(communicator),
      solver_(solver),
      plan_(PlanFor(*solver->net(), bucket_bytes)),
      params_(plan_, solver->net().get()),
      statistics_(*solver->net()),
      queue_(communicator) {
  solver->add_callback(this);
  solver->net()->add_after_backward(this);
}

template <typename Dtype>
void SyncSgd<Dtype>::BroadcastParams() {
  communicator_->Broadcast(params_.data(), plan_.total, 0);
}

template <typename Dtype>
void SyncSgd<Dtype>::on_start() {
  start_ = communicator_->traffic();
  pass_ = 0;
  next_bucket_ = 0;
}

template <typename Dtype>
void SyncSgd<Dtype>::run(int layer) {
  const bool last_pass = pass_ == solver_->param().iter_size() - 1;
  while (last_pass && (layer == 0 || MayOverlap()) &&
         next_bucket_ < plan_.buckets.size() &&
         plan_.buckets[next_bucket_].ready_layer >= layer) {
    const GradientBucket& bucket = plan_.buckets[next_bucket_++];
    Settle(bucket);
    queue_.Submit([this, &bucket](Communicator* communicator) {
      communicator->AllReduce(params_.diff() + bucket.begin, bucket.count,
                              Reduction::kMean);
    });
  }
  // Caffe reads all gradients at the end of a pass that it prints them of.
  if (layer == 0 && solver_->param().debug_info()) queue_.Wait();
  if (layer == 0) ++pass_;
}

template <typename Dtype>
bool SyncSgd<Dtype>::MayOverlap() const {
  return !communicator_->on_device() || report_.steps > 0;
}

template <typename Dtype>
void SyncSgd<Dtype>::Settle(const GradientBucket& bucket) {
  if (caffe::Caffe::mode() != caffe::Caffe::GPU) return;
  const auto& params = solver_->net()->learnable_params();
  for (int i = 0; i < params.size(); ++i) {
    const size_t offset = plan_.offsets[i];
    if (offset >= bucket.begin && offset < bucket.begin + bucket.count) {
      params[i]->mutable_gpu_diff();
    }
  }
}

template <typename Dtype>
void SyncSgd<Dtype>::on_gradients_ready() {
  queue_.Wait();
  statistics_.Average(communicator_);
  const Traffic& now = communicator_->traffic();
  report_.traffic.calls += now.calls - start_.calls;
  report_.traffic.payload_bytes += now.payload_bytes - start_.payload_bytes;
  report_.traffic.moved_bytes += now.moved_bytes - start_.moved_bytes;
  ++report_.steps;
}

template <typename Dtype>
SyncReport SyncSgd<Dtype>::report() const {
  SyncReport report = report_;
  report.busy_seconds = queue_.busy_seconds();
  report.waited_seconds = queue_.waited_seconds();
  return report;
}

template <typename Dtype>
void SyncSgd<Dtype>::CheckParams() {
  const auto& net = *solver_->net();
  std::string hashes;
  for (const caffe::Blob<Dtype>* blob : net.learnable_params()) {
    const uint64_t hash = Hash(blob->cpu_data(), blob->count() * sizeof(Dtype));
    hashes.append(reinterpret_cast<const char*>(&hash), sizeof(hash));
  }
  const std::vector<std::string> all = communicator_->AllGatherString(hashes);
  for (int rank = 1; rank < communicator_->size(); ++rank) {
    for (int i = 0; i < net.learnable_params().size(); ++i) {
      const size_t at = i * sizeof(uint64_t);
      if (all[rank].compare(at, sizeof(uint64_t), all[0], at,
                            sizeof(uint64_t)) == 0) {
        continue;
      }
      throw CommunicatorError(rank, "after iteration " +
                                        std::to_string(solver_->iter()) +
                                        ", parameter " + NameOfParam(net, i) +
                                        " of rank 0 and of rank " +
                                        std::to_string(rank) + " differ");
    }
  }
}

template class SyncSgd<float>;
template class SyncSgd<double>;

}  // namespace two_stream
