#include "caffe_ext/memory/net_memory.hpp"

#include <algorithm>
#include <boost/make_shared.hpp>
#include <cstring>
#include <utility>

#include "caffe_ext/common/data_cursor.hpp"
#include "caffe_ext/common/error.hpp"
#include "caffe_ext/memory/layer_state.hpp"
#include "caffe_ext/memory/lent.hpp"

namespace two_stream {

using std::string;
using std::vector;

template <typename Dtype>
NetMemory<Dtype>::NetMemory(caffe::Net<Dtype>* net,
                            const MemoryOptions& options,
                            std::shared_ptr<Arena> arena)
    : net_(net),
      net_name_(net->name()),
      alive_(net->layers().front()),
      options_(options),
      arena_(std::move(arena)),
      before_forward_([this](int layer) { BeforeForward(layer); }),
      before_backward_([this](int layer) { BeforeBackward(layer); }) {
  Plan();
  net->add_before_forward(&before_forward_);
  net->add_before_backward(&before_backward_);
}

template <typename Dtype>
void NetMemory<Dtype>::Plan() {
  gpu_ = caffe::Caffe::mode() == caffe::Caffe::GPU;
  BindingOptions binding;
  binding.training = options_.backward;
  binding.gpu = gpu_;
  binding.excluded = options_.excluded;
  binding.excluded.insert(claimed_.begin(), claimed_.end());
  binding_ = BindNet(*net_, binding);
  PinSmallest(&binding_);
  plan_ = Choose(binding_.graph);
  const string fault = CheckPlan(plan_.schedule.problem, plan_.plan);
  CHECK(fault.empty()) << fault;
  FindConflicts();
  if (options_.poison) dead_ = DeadRanges(plan_.schedule, plan_.plan);
}

template <typename Dtype>
void NetMemory<Dtype>::PinSmallest(NetBinding* binding) const {
  vector<std::pair<size_t, int>> by_size;
  for (size_t s = 0; s < binding->storages.size(); ++s) {
    const Storage& storage = binding->graph.storages[s];
    const StorageBinding& bound = binding->storages[s];
    if (!storage.pinned && !bound.is_diff && !bound.blobs.empty()) {
      by_size.push_back({storage.bytes, static_cast<int>(s)});
    }
  }
  std::sort(by_size.begin(), by_size.end());
  double left = options_.keep_share * static_cast<double>(binding->stock_bytes);
  for (const auto& entry : by_size) {
    left -= static_cast<double>(entry.first);
    if (left < 0) break;
    binding->graph.storages[entry.second].pinned = true;
  }
}

template <typename Dtype>
RecomputePlan NetMemory<Dtype>::Choose(const NetGraph& graph) const {
  if (!options_.recompute || !options_.backward) {
    return PlanDropping(graph, {});
  }
  if (options_.recompute_blobs.empty()) {
    if (options_.budget_bytes == 0) return PlanSmallest(graph);
    RecomputePlan plan = PlanWithin(graph, options_.budget_bytes);
    if (plan.plan.arena_bytes > options_.budget_bytes) {
      throw UserError(
          "mem_param.recompute.budget_mb is " +
          std::to_string(options_.budget_bytes / 1000000) + ", but net " +
          net_name_ + " needs " +
          std::to_string(PlanSmallest(graph).plan.arena_bytes / 1000000 + 1) +
          "; raise it, or lower the batch size");
    }
    return plan;
  }
  const vector<bool> droppable = Droppable(graph);
  vector<bool> dropped(graph.storages.size(), false);
  for (const string& name : options_.recompute_blobs) {
    bool found = false;
    for (size_t s = 0; s < binding_.storages.size(); ++s) {
      const StorageBinding& bound = binding_.storages[s];
      if (bound.is_diff ||
          !std::count(bound.blobs.begin(), bound.blobs.end(), name)) {
        continue;
      }
      found = true;
      dropped[s] = droppable[s];
      LOG_IF(WARNING, !droppable[s])
          << "mem_param.recompute: blob " << name
          << " is kept: backward doesn't read it, it is excluded, or a layer "
             "that computes it can't run again";
    }
    if (!found) {
      throw UserError("mem_param.recompute: net " + net_name_ +
                      " has no blob \"" + name + "\"");
    }
  }
  return PlanDropping(graph, dropped);
}

template <typename Dtype>
void NetMemory<Dtype>::FindConflicts() {
  const auto& buffers = plan_.schedule.problem.buffers;
  const auto& lives = plan_.schedule.lives;
  const auto& offsets = plan_.plan.offsets;
  conflicts_.assign(lives.size(), {});
  for (size_t a = 0; a < lives.size(); ++a) {
    for (size_t b = 0; b < lives.size(); ++b) {
      if (lives[b].storage < 0 || lives[b].storage == lives[a].storage) {
        continue;
      }
      if (offsets[a] < offsets[b] + buffers[b].bytes &&
          offsets[b] < offsets[a] + buffers[a].bytes) {
        conflicts_[a].push_back(static_cast<int>(b));
      }
    }
  }
}

template <typename Dtype>
void NetMemory<Dtype>::Apply() {
  arena_->Reserve(plan_.plan.arena_bytes, gpu_);
  const size_t storages = binding_.storages.size();
  lent_.assign(storages, LentMemory());
  life_of_.assign(storages, -1);
  content_.assign(storages, Content::FRESH);
  apart_.assign(storages, false);
  storage_of_.clear();
  for (size_t i = 0; i < plan_.schedule.lives.size(); ++i) {
    const int s = plan_.schedule.lives[i].storage;
    if (s < 0 || life_of_[s] >= 0) continue;
    lent_[s] = LentMemory(binding_.graph.storages[s].bytes);
    lent_[s].PlaceIn(*arena_, plan_.plan.offsets[i]);
    life_of_[s] = static_cast<int>(i);
    binding_.storages[s].bind(lent_[s].memory());
    storage_of_[lent_[s].memory().get()] = s;
  }
  LendScratch();
  RememberShapes();
}

template <typename Dtype>
void NetMemory<Dtype>::LendScratch() {
  const auto& layers = binding_.graph.layers;
  scratch_.assign(layers.size(), LentMemory());
  for (size_t i = 0; i < layers.size(); ++i) {
    auto* layer = dynamic_cast<ScratchBorrower*>(net_->layers()[i].get());
    if (layer == nullptr) continue;
    const size_t bytes = std::max(layers[i].forward.scratch_bytes,
                                  layers[i].backward.scratch_bytes);
    if (bytes > 0) scratch_[i] = LentMemory(bytes);
    layer->LendScratch(scratch_[i].memory());
  }
}

template <typename Dtype>
void NetMemory<Dtype>::RememberShapes() {
  shapes_.clear();
  data_.clear();
  for (const auto& blob : net_->blobs()) {
    shapes_.push_back(blob->shape());
    data_.push_back(blob->count() > 0 ? blob->data().get() : nullptr);
  }
}

template <typename Dtype>
bool NetMemory<Dtype>::ShapesChanged(int layer) const {
  for (const auto* ids : {&net_->bottom_ids(layer), &net_->top_ids(layer)}) {
    for (int id : *ids) {
      const auto& blob = *net_->blobs()[id];
      if (blob.shape() != shapes_[id]) return true;
      // A planned blob that has grown and shrunk again has a new buffer.
      if (storage_of_.count(data_[id]) && blob.data().get() != data_[id]) {
        return true;
      }
    }
  }
  return false;
}

// Gives all blobs and layers memory of their own again, not yet allocated, so
// that the arena can be freed. Claimed storages keep what they have: arrays of
// the user may point there.
template <typename Dtype>
void NetMemory<Dtype>::Release() {
  std::map<const caffe::SyncedMemory*, SyncedMemoryPtr> fresh;
  for (size_t s = 0; s < lent_.size(); ++s) {
    if (!lent_[s] || apart_[s]) continue;
    const SyncedMemoryPtr& memory = lent_[s].memory();
    fresh[memory.get()] =
        boost::make_shared<caffe::SyncedMemory>(memory->size());
  }
  // What has grown meanwhile has left the arena by itself.
  for (const auto& blob : net_->blobs()) {
    if (blob->count() == 0) continue;
    const auto data = fresh.find(blob->data().get());
    if (data != fresh.end()) ReplaceData(blob.get(), data->second);
    const auto diff = fresh.find(blob->diff().get());
    if (diff != fresh.end()) ReplaceDiff(blob.get(), diff->second);
  }
  for (const auto& layer : net_->layers()) {
    for (const LayerState& state : StatesOf(layer.get())) {
      const auto memory = fresh.find(state.memory.get());
      if (memory != fresh.end()) state.bind(memory->second);
    }
    if (auto* keeper = dynamic_cast<SignKeeper*>(layer.get())) {
      keeper->LendSigns(nullptr);
    }
    if (auto* borrower = dynamic_cast<ScratchBorrower*>(layer.get())) {
      borrower->LendScratch(nullptr);
    }
  }
  lent_.clear();
  scratch_.clear();
}

template <typename Dtype>
void NetMemory<Dtype>::Replan(int from_layer) {
  const int layers = static_cast<int>(net_->layers().size());
  for (int i = from_layer; i < layers; ++i) {
    net_->layers()[i]->Reshape(net_->bottom_vecs()[i], net_->top_vecs()[i]);
  }
  // In the middle of a pass, what earlier layers left must stay.
  std::map<string, vector<char>> contents;
  std::set<string> written;
  for (size_t s = 0; s < lent_.size(); ++s) {
    if (!lent_[s] || content_[s] == Content::FRESH) continue;
    const string& name = binding_.graph.storages[s].name;
    written.insert(name);
    if (!apart_[s] && from_layer > 0 && content_[s] == Content::VALID) {
      const SyncedMemoryPtr& memory = lent_[s].memory();
      const char* bytes = static_cast<const char*>(memory->cpu_data());
      contents[name].assign(bytes, bytes + memory->size());
    }
  }
  Release();
  Plan();
  Apply();
  for (size_t s = 0; s < lent_.size(); ++s) {
    if (!lent_[s]) continue;
    const string& name = binding_.graph.storages[s].name;
    const auto saved = contents.find(name);
    if (saved != contents.end()) {
      const auto& memory = lent_[s].memory();
      std::memcpy(memory->mutable_cpu_data(), saved->second.data(),
                  std::min(memory->size(), saved->second.size()));
      content_[s] = Content::VALID;
    } else if (written.count(name)) {
      content_[s] = Content::REUSED;
    }
  }
  LOG_IF(INFO, caffe::Caffe::root_solver())
      << "Shared buffers of net " << net_name_
      << " planned again: " << plan_.plan.arena_bytes / 1e6 << " MB";
}

template <typename Dtype>
void NetMemory<Dtype>::BeforeForward(int layer) {
  const bool gpu = caffe::Caffe::mode() == caffe::Caffe::GPU;
  if (gpu != gpu_ || ShapesChanged(layer)) Replan(layer);
  for (const string& blob : to_keep_) {
    for (size_t s = 0; s < binding_.storages.size(); ++s) {
      const auto& blobs = binding_.storages[s].blobs;
      if (!lent_[s] || apart_[s]) continue;
      if (std::count(blobs.begin(), blobs.end(), blob)) {
        lent_[s].PlaceApart(content_[s] == Content::VALID);
        apart_[s] = true;
      }
    }
    claimed_.insert(blob);
  }
  to_keep_.clear();
  // Where the random numbers of this pass begin, should it run again.
  if (auto* cursor = dynamic_cast<DataCursor*>(net_->layers()[layer].get())) {
    cursors_[layer] = cursor->data_cursor();
  }
  Run(plan_.schedule.forward_step[layer]);
}

template <typename Dtype>
void NetMemory<Dtype>::BeforeBackward(int layer) {
  if (!options_.backward) {
    if (!net_->layer_need_backward()[layer]) return;
    throw UserError("net " + net_name_ +
                    ": its buffers are shared for forward passes only; for a "
                    "backward pass in phase TEST set force_backward: true or "
                    "mem_param { optimize_test: false }");
  }
  const int step = plan_.schedule.backward_step[layer];
  if (step < 0) return;
  const auto& steps = plan_.schedule.steps;
  int first = step;
  while (first > 0 && steps[first - 1].kind == Step::RECOMPUTE) --first;
  for (int again = first; again < step; ++again) {
    Run(again);
    RunAgain(steps[again].layer);
  }
  Run(step);
}

template <typename Dtype>
void NetMemory<Dtype>::Run(int step) {
  if (arena_->last_user != this) {
    for (Content& content : content_) {
      if (content == Content::VALID) content = Content::REUSED;
    }
    arena_->last_user = this;
  }
  const auto& lives = plan_.schedule.lives;
  for (int life : plan_.schedule.reads[step]) {
    const int s = lives[life].storage;
    if (apart_[s]) continue;
    if (life_of_[s] != life || content_[s] != Content::VALID) {
      const int layer = plan_.schedule.steps[step].layer;
      throw UserError("layer " + net_->layer_names()[layer] + " needs " +
                      LostMessage(s));
    }
  }
  if (options_.poison && !gpu_) {
    for (const ByteRange& range : dead_[step]) arena_->Poison(range);
  }
  for (int life : plan_.schedule.writes[step]) Activate(life);
}

template <typename Dtype>
void NetMemory<Dtype>::Activate(int life) {
  const Schedule& schedule = plan_.schedule;
  const int s = schedule.lives[life].storage;
  if (s < 0) {
    const int layer = schedule.steps[schedule.lives[life].step].layer;
    scratch_[layer].PlaceIn(*arena_, plan_.plan.offsets[life]);
  } else if (!apart_[s]) {
    if (life_of_[s] != life) {
      lent_[s].PlaceIn(*arena_, plan_.plan.offsets[life]);
      life_of_[s] = life;
    }
    content_[s] = Content::VALID;
  }
  for (int other : conflicts_[life]) {
    const int lost = schedule.lives[other].storage;
    if (life_of_[lost] == other && content_[lost] == Content::VALID) {
      content_[lost] = Content::REUSED;
    }
  }
}

template <typename Dtype>
void NetMemory<Dtype>::RunAgain(int layer) {
  caffe::Layer<Dtype>* again = net_->layers()[layer].get();
  const auto& bottom = net_->bottom_vecs()[layer];
  const auto& top = net_->top_vecs()[layer];
  auto* cursor = dynamic_cast<DataCursor*>(again);
  if (cursor != nullptr) cursor->set_data_cursor(cursors_[layer]);
  again->Forward(bottom, top);
}

template <typename Dtype>
string NetMemory<Dtype>::LostMessage(int storage) const {
  const StorageBinding& bound = binding_.storages[storage];
  const string blob = bound.blobs.empty()
                          ? binding_.graph.storages[storage].name
                          : bound.blobs.front();
  return "the " + string(bound.is_diff ? "diff" : "data") + " of blob \"" +
         blob + "\" of net " + net_name_ +
         ", but its shared buffer has been used for something else since; to "
         "keep it, add mem_param { exclude_blob: \"" +
         blob + "\" } to the net";
}

template <typename Dtype>
string NetMemory<Dtype>::Claim(const caffe::SyncedMemory* memory, bool* ours) {
  const auto found = storage_of_.find(memory);
  *ours = found != storage_of_.end();
  if (!*ours || apart_[found->second]) return "";
  const int s = found->second;
  const auto& blobs = binding_.storages[s].blobs;
  if (content_[s] == Content::REUSED ||
      (content_[s] == Content::VALID && arena_->last_user != this)) {
    if (!blobs.empty()) to_keep_.insert(blobs.front());
    return LostMessage(s);
  }
  lent_[s].PlaceApart(content_[s] == Content::VALID);
  apart_[s] = true;
  if (!blobs.empty()) claimed_.insert(blobs.front());
  return "";
}

template <typename Dtype>
void NetMemory<Dtype>::Keep(const string& blob) {
  if (!claimed_.count(blob)) to_keep_.insert(blob);
}

template <typename Dtype>
MemorySummary NetMemory<Dtype>::Summary() const {
  MemorySummary summary;
  summary.stock = binding_.stock_bytes;
  summary.unshared = RawBytes(plan_.schedule.problem);
  summary.planned = plan_.plan.arena_bytes;
  summary.lower_bound = LowerBound(plan_.schedule.problem);
  summary.heuristic = plan_.plan.heuristic;
  double forward = 0;
  std::set<int> used;
  for (const LayerNode& layer : binding_.graph.layers) {
    forward += layer.cost;
    for (const LayerAccess* access : {&layer.forward, &layer.backward}) {
      used.insert(access->reads.begin(), access->reads.end());
      used.insert(access->writes.begin(), access->writes.end());
    }
  }
  for (int s : used) {
    const Storage& storage = binding_.graph.storages[s];
    if (storage.pinned) summary.pinned += storage.bytes;
  }
  summary.recompute_share =
      forward > 0 ? plan_.schedule.recompute_cost / forward : 0;
  return summary;
}

template class NetMemory<float>;
template class NetMemory<double>;

}  // namespace two_stream
