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
                            const std::shared_ptr<Arena>& arena)
    : net_(net),
      net_name_(net->name()),
      alive_(net->layers().front()),
      options_(options),
      arena_(arena),
      before_forward_([this](int layer) { BeforeForward(layer); }),
      before_backward_([this](int layer) { BeforeBackward(layer); }) {
  for (size_t i = 0; i < net->layers().size(); ++i) {
    shapes_.push_back(ShapesAt(static_cast<int>(i)));
  }
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
  KeepSmallest(options_.keep_share, &binding_);
  plan_ = ChoosePlan(binding_, options_, net_name_);
  const string fault = CheckPlan(plan_.schedule.problem, plan_.plan);
  CHECK(fault.empty()) << fault;
  FindConflicts();
  if (options_.poison) dead_ = DeadRanges(plan_.schedule, plan_.plan);
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
  auto arena = arena_.lock();
  if (!arena) arena_ = arena = std::make_shared<Arena>();
  arena->Reserve(plan_.plan.arena_bytes, gpu_);
  const size_t storages = binding_.storages.size();
  lent_.assign(storages, LentMemory());
  life_of_.assign(storages, -1);
  content_.assign(storages, Content::FRESH);
  apart_.assign(storages, false);
  storage_of_.clear();
  for (size_t i = 0; i < plan_.schedule.lives.size(); ++i) {
    const int s = plan_.schedule.lives[i].storage;
    if (s < 0 || life_of_[s] >= 0) continue;
    const auto memory = lent_[s].Create(binding_.graph.storages[s].bytes);
    lent_[s].PlaceIn(arena, plan_.plan.offsets[i]);
    life_of_[s] = static_cast<int>(i);
    binding_.storages[s].bind(memory);
    storage_of_[memory.get()] = s;
  }
  LendScratch();
  data_.clear();
  for (const auto& blob : net_->blobs()) {
    data_.push_back(blob->count() > 0 ? blob->data().get() : nullptr);
  }
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
    layer->LendScratch(bytes > 0 ? scratch_[i].Create(bytes) : nullptr);
  }
}

template <typename Dtype>
vector<vector<int>> NetMemory<Dtype>::ShapesAt(int layer) const {
  vector<vector<int>> shapes;
  for (const auto* blob : net_->bottom_vecs()[layer]) {
    shapes.push_back(blob->shape());
  }
  for (const auto* blob : net_->top_vecs()[layer]) {
    shapes.push_back(blob->shape());
  }
  return shapes;
}

template <typename Dtype>
bool NetMemory<Dtype>::ShapesChanged(int layer) const {
  // A source's tops may change when it runs: its readers will see.
  if (net_->bottom_ids(layer).empty()) return false;
  if (ShapesAt(layer) != shapes_[layer]) return true;
  for (const auto* ids : {&net_->bottom_ids(layer), &net_->top_ids(layer)}) {
    for (int id : *ids) {
      // A planned blob that has grown and shrunk again has new memory.
      if (storage_of_.count(data_[id]) &&
          net_->blobs()[id]->data().get() != data_[id]) {
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
    const SyncedMemoryPtr memory = lent_[s].memory();
    if (!memory || apart_[s]) continue;
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
  // Up to the next source: only running it tells its shapes, and then this
  // is done again.
  const int layers = static_cast<int>(net_->layers().size());
  for (int i = from_layer; i < layers; ++i) {
    if (i > from_layer && net_->bottom_ids(i).empty()) break;
    net_->layers()[i]->Reshape(net_->bottom_vecs()[i], net_->top_vecs()[i]);
    shapes_[i] = ShapesAt(i);
  }
  // A blob that has grown has new memory. Somebody who used it already must
  // find it there again.
  for (size_t b = 0; b < data_.size(); ++b) {
    const auto& blob = *net_->blobs()[b];
    if (!storage_of_.count(data_[b]) || blob.data().get() == data_[b]) continue;
    if (blob.data()->head() != caffe::SyncedMemory::UNINITIALIZED ||
        blob.diff()->head() != caffe::SyncedMemory::UNINITIALIZED) {
      claimed_.insert(net_->blob_names()[b]);
    }
  }
  // In the middle of a pass, what earlier layers left must stay.
  std::map<string, vector<char>> contents;
  std::set<string> written;
  for (size_t s = 0; s < lent_.size(); ++s) {
    if (!lent_[s] || content_[s] == Content::FRESH) continue;
    const string& name = binding_.graph.storages[s].name;
    written.insert(name);
    const SyncedMemoryPtr memory = lent_[s].memory();
    if (memory && !apart_[s] && from_layer > 0 &&
        content_[s] == Content::VALID) {
      const char* bytes = static_cast<const char*>(memory->cpu_data());
      contents[name].assign(bytes, bytes + memory->size());
    }
  }
  const auto arena = arena_.lock();  // to be used again, if it is large enough
  Release();
  Plan();
  Apply();
  for (size_t s = 0; s < lent_.size(); ++s) {
    if (!lent_[s]) continue;
    const string& name = binding_.graph.storages[s].name;
    const auto saved = contents.find(name);
    if (saved != contents.end()) {
      const SyncedMemoryPtr memory = lent_[s].memory();
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

// Blobs that were asked for get their buffers. What they held, if it is lost,
// stays lost until it is computed again.
template <typename Dtype>
void NetMemory<Dtype>::KeepAsked() {
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
}

template <typename Dtype>
void NetMemory<Dtype>::BeforeForward(int layer) {
  const bool gpu = caffe::Caffe::mode() == caffe::Caffe::GPU;
  if (gpu != gpu_ || ShapesChanged(layer)) Replan(layer);
  KeepAsked();
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
  KeepAsked();
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
  const auto arena = arena_.lock();
  if (arena && arena->last_user != this) {
    for (size_t s = 0; s < content_.size(); ++s) Lose(static_cast<int>(s));
    arena->last_user = this;
  }
  const auto& lives = plan_.schedule.lives;
  for (int life : plan_.schedule.reads[step]) {
    const int s = lives[life].storage;
    if (content_[s] == Content::FRESH) MoveApart(s);  // a partial pass
    if (content_[s] != Content::VALID || !(apart_[s] || life_of_[s] == life)) {
      const int layer = plan_.schedule.steps[step].layer;
      throw UserError("layer " + net_->layer_names()[layer] + " needs " +
                      LostMessage(s));
    }
  }
  if (options_.poison && !gpu_ && arena) Poison(step);
  for (int life : plan_.schedule.writes[step]) Activate(life);
}

template <typename Dtype>
void NetMemory<Dtype>::Poison(int step) {
  const auto arena = arena_.lock();
  for (const ByteRange& range : dead_[step]) arena->Poison(range);
  for (size_t s = 0; s < content_.size(); ++s) {
    if (life_of_[s] < 0) continue;
    const Buffer& buffer = plan_.schedule.problem.buffers[life_of_[s]];
    if (step <= buffer.first || buffer.last < step) Lose(static_cast<int>(s));
  }
}

template <typename Dtype>
void NetMemory<Dtype>::Activate(int life) {
  const Schedule& schedule = plan_.schedule;
  const int s = schedule.lives[life].storage;
  if (s < 0) {
    const int layer = schedule.steps[schedule.lives[life].step].layer;
    scratch_[layer].PlaceIn(arena_.lock(), plan_.plan.offsets[life]);
  } else {
    if (!apart_[s] && life_of_[s] != life) {
      lent_[s].PlaceIn(arena_.lock(), plan_.plan.offsets[life]);
    }
    life_of_[s] = life;
    content_[s] = Content::VALID;
    if (apart_[s]) return;
  }
  for (int other : conflicts_[life]) {
    const int lost = schedule.lives[other].storage;
    if (life_of_[lost] == other) Lose(lost);
  }
}

template <typename Dtype>
void NetMemory<Dtype>::Lose(int storage) {
  if (content_[storage] == Content::VALID && !apart_[storage]) {
    content_[storage] = Content::REUSED;
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
  // The address may be that of another's memory by now.
  *ours = found != storage_of_.end() &&
          lent_[found->second].memory().get() == memory;
  if (!*ours) return "";
  const int s = found->second;
  if (apart_[s] && content_[s] != Content::REUSED) return "";
  const auto& blobs = binding_.storages[s].blobs;
  const auto arena = arena_.lock();
  if (content_[s] == Content::REUSED ||
      (content_[s] == Content::VALID && arena && arena->last_user != this)) {
    if (!blobs.empty()) to_keep_.insert(blobs.front());
    return LostMessage(s);
  }
  MoveApart(s);
  return "";
}

// To a buffer of its own, with what it holds: zeros if it was never written, as
// in Caffe.
template <typename Dtype>
void NetMemory<Dtype>::MoveApart(int storage) {
  lent_[storage].PlaceApart(content_[storage] == Content::VALID);
  apart_[storage] = true;
  content_[storage] = Content::VALID;
  const auto& blobs = binding_.storages[storage].blobs;
  if (!blobs.empty()) claimed_.insert(blobs.front());
}

template <typename Dtype>
bool NetMemory<Dtype>::InUse() const {
  return NetIsAlive() ||
         std::any_of(lent_.begin(), lent_.end(), [](const LentMemory& lent) {
           return lent.memory() != nullptr;
         });
}

template <typename Dtype>
void NetMemory<Dtype>::Keep(const string& blob) {
  if (!claimed_.count(blob)) to_keep_.insert(blob);
}

template class NetMemory<float>;
template class NetMemory<double>;

}  // namespace two_stream
