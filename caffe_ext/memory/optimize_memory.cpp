#include "caffe_ext/memory/optimize_memory.hpp"

#include <glog/logging.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "caffe/util/upgrade_proto.hpp"
#include "caffe_ext/common/error.hpp"

namespace two_stream {
namespace {

using caffe::NetParameter;
using caffe::SolverParameter;
using std::string;
using std::vector;

// All plans in use. Caffe's nets hold plain pointers to their callbacks and
// tell nobody when they go, so plans of nets that are gone are swept now and
// then.
template <typename Dtype>
class Plans {
 public:
  struct Entry {
    const caffe::Net<Dtype>* net;
    std::unique_ptr<NetMemory<Dtype>> memory;
  };

  static Plans& Get() {
    static Plans* const plans = new Plans;  // outlives all nets
    return *plans;
  }

  void Add(Entry entry) {
    std::lock_guard<std::mutex> lock(mutex_);
    Sweep();
    entries_.push_back(std::move(entry));
  }

  NetMemory<Dtype>* Find(const caffe::Net<Dtype>* net) {
    std::lock_guard<std::mutex> lock(mutex_);
    Sweep();
    for (const Entry& entry : entries_) {
      if (entry.net == net && entry.memory->NetIsAlive()) {
        return entry.memory.get();
      }
    }
    return nullptr;
  }

  // Of whichever net `memory` belongs to.
  string Claim(const caffe::SyncedMemory* memory) {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const Entry& entry : entries_) {
      bool ours = false;
      const string lost = entry.memory->Claim(memory, &ours);
      if (ours) return lost;
    }
    return "";
  }

 private:
  void Sweep() {
    entries_.erase(std::remove_if(entries_.begin(), entries_.end(),
                                  [](const Entry& entry) {
                                    return !entry.memory->InUse();
                                  }),
                   entries_.end());
  }

  std::mutex mutex_;
  vector<Entry> entries_;
};

double Megabytes(size_t bytes) { return static_cast<double>(bytes) / 1e6; }

template <typename Dtype>
void LogSummary(const caffe::Net<Dtype>& net, const MemorySummary& summary) {
  const size_t used = summary.planned + summary.pinned;
  LOG(INFO) << "Shared buffers of net " << net.name() << " ("
            << caffe::Phase_Name(net.phase())
            << "): " << Megabytes(summary.stock) << " MB unshared; planned "
            << Megabytes(summary.planned) << " MB (lower bound "
            << Megabytes(summary.lower_bound) << " MB, by " << summary.heuristic
            << ") and " << Megabytes(summary.pinned) << " MB kept apart; saved "
            << Megabytes(summary.stock - std::min(summary.stock, used))
            << " MB";
  LOG_IF(INFO, summary.recompute_share > 0)
      << "Recomputed in backward: " << 100 * summary.recompute_share
      << " % of the forward pass's work";
}

template <typename Dtype>
std::unique_ptr<NetMemory<Dtype>> Make(caffe::Net<Dtype>* net,
                                       const MemoryOptions& options,
                                       const std::shared_ptr<Arena>& arena) {
  if (!options.enabled || net->layers().empty()) return nullptr;
  if (Plans<Dtype>::Get().Find(net) != nullptr) return nullptr;
  for (const string& blob : options.excluded) {
    LOG_IF(WARNING, !net->has_blob(blob))
        << "mem_param.exclude_blob: net " << net->name() << " ("
        << caffe::Phase_Name(net->phase()) << ") has no blob \"" << blob
        << "\"";
  }
  return std::make_unique<NetMemory<Dtype>>(net, options, arena);
}

template <typename Dtype>
void Start(caffe::Net<Dtype>* net, std::unique_ptr<NetMemory<Dtype>> memory) {
  if (memory == nullptr) return;
  memory->Apply();
  if (caffe::Caffe::root_solver()) LogSummary(*net, memory->Summary());
  Plans<Dtype>::Get().Add({net, std::move(memory)});
}

NetParameter ReadNet(const string& file) {
  NetParameter param;
  caffe::ReadNetParamsFromTextFileOrDie(file, &param);
  return param;
}

// As Solver::InitTrainNet finds it.
NetParameter TrainNetOf(const SolverParameter& param) {
  if (param.has_train_net_param()) return param.train_net_param();
  if (param.has_train_net()) return ReadNet(param.train_net());
  if (param.has_net_param()) return param.net_param();
  return ReadNet(param.net());
}

// As Solver::InitTestNets finds the i-th.
NetParameter TestNetOf(const SolverParameter& param, int i) {
  if (i < param.test_net_param_size()) return param.test_net_param(i);
  i -= param.test_net_param_size();
  if (i < param.test_net_size()) return ReadNet(param.test_net(i));
  return param.has_net_param() ? param.net_param() : ReadNet(param.net());
}

}  // namespace

MemoryOptions MemoryOptionsOf(const NetParameter& param, caffe::Phase phase) {
  const caffe::MemoryOptimizationParameter& memory = param.mem_param();
  const bool train = phase == caffe::TRAIN;
  MemoryOptions options;
  options.enabled = train ? memory.optimize_train() : memory.optimize_test();
  options.backward = train || param.force_backward();
  options.excluded.insert(memory.exclude_blob().begin(),
                          memory.exclude_blob().end());
  if (train && memory.has_recompute()) {
    const caffe::RecomputeParameter& recompute = memory.recompute();
    options.recompute = true;
    options.recompute_blobs.insert(recompute.blob().begin(),
                                   recompute.blob().end());
    options.budget_bytes = size_t{1000000} * recompute.budget_mb();
  }
  return options;
}

template <typename Dtype>
void OptimizeMemory(caffe::Net<Dtype>* net, const MemoryOptions& options) {
  const auto arena = std::make_shared<Arena>();
  Start(net, Make(net, options, arena));
}

template <typename Dtype>
void OptimizeMemory(caffe::Solver<Dtype>* solver, double keep_share) {
  const auto arena = std::make_shared<Arena>();
  vector<caffe::Net<Dtype>*> nets = {solver->net().get()};
  vector<NetParameter> params = {TrainNetOf(solver->param())};
  for (size_t i = 0; i < solver->test_nets().size(); ++i) {
    nets.push_back(solver->test_nets()[i].get());
    params.push_back(TestNetOf(solver->param(), static_cast<int>(i)));
  }
  // All are planned before the first takes memory: the arena suits the largest.
  vector<std::unique_ptr<NetMemory<Dtype>>> plans;
  size_t bytes = 0;
  for (size_t i = 0; i < nets.size(); ++i) {
    MemoryOptions options = MemoryOptionsOf(params[i], nets[i]->phase());
    options.keep_share = keep_share;
    plans.push_back(Make(nets[i], options, arena));
    if (plans.back()) bytes = std::max(bytes, plans.back()->Summary().planned);
  }
  arena->Reserve(bytes, caffe::Caffe::mode() == caffe::Caffe::GPU);
  for (size_t i = 0; i < nets.size(); ++i) Start(nets[i], std::move(plans[i]));
}

void ClaimBlob(const caffe::Blob<float>& blob, bool diff) {
  if (blob.count() == 0) return;
  const auto& memory = diff ? blob.diff() : blob.data();
  const string lost = Plans<float>::Get().Claim(memory.get());
  if (!lost.empty()) throw UserError("This needs " + lost);
}

void KeepBlob(const caffe::Net<float>& net, const string& blob) {
  NetMemory<float>* memory = Plans<float>::Get().Find(&net);
  if (memory != nullptr) memory->Keep(blob);
}

template <typename Dtype>
const NetMemory<Dtype>* MemoryOf(const caffe::Net<Dtype>& net) {
  return Plans<Dtype>::Get().Find(&net);
}

#define INSTANTIATE(Dtype)                                                \
  template void OptimizeMemory(caffe::Net<Dtype>*, const MemoryOptions&); \
  template void OptimizeMemory(caffe::Solver<Dtype>*, double);            \
  template const NetMemory<Dtype>* MemoryOf(const caffe::Net<Dtype>&)
INSTANTIATE(float);
INSTANTIATE(double);
#undef INSTANTIATE

}  // namespace two_stream
