#include "caffe_ext/memory/net_binding.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "caffe_ext/common/data_cursor.hpp"
#include "caffe_ext/memory/layer_state.hpp"
#include "caffe_ext/memory/layer_traits.hpp"
#include "caffe_ext/memory/lent.hpp"
#include "caffe_ext/memory/planner.hpp"

namespace two_stream {
namespace {

using caffe::Blob;
using std::vector;

void AddOnce(int value, vector<int>* values) {
  if (std::find(values->begin(), values->end(), value) == values->end()) {
    values->push_back(value);
  }
}

bool Contains(const vector<int>& values, int value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

// Disjoint sets of blobs that alias one another.
class Aliases {
 public:
  explicit Aliases(int count) : parent_(count) {
    std::iota(parent_.begin(), parent_.end(), 0);
  }
  int Find(int i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void Join(int a, int b) {
    a = Find(a), b = Find(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }

 private:
  vector<int> parent_;
};

template <typename Dtype>
class Binder {
 public:
  Binder(const caffe::Net<Dtype>& net, const BindingOptions& options)
      : net_(net),
        options_(options),
        blobs_(net.blobs()),
        data_aliases_(blobs_.size()),
        diff_aliases_(blobs_.size()),
        pin_data_(blobs_.size(), false),
        pin_diff_(blobs_.size(), false) {}

  NetBinding Bind() {
    const int layers = static_cast<int>(net_.layers().size());
    for (int i = 0; i < layers; ++i) traits_.push_back(Traits(i));
    JoinAliases();
    PinBlobs();
    AddBlobStorages();
    for (int i = 0; i < layers; ++i) AddLayer(i);
    PinUnwrittenDiffs();
    for (int i = 0; i < layers; ++i) MaybeKeepSigns(i);
    CountStockBytes();
    return std::move(binding_);
  }

 private:
  caffe::Layer<Dtype>* LayerAt(int i) const { return net_.layers()[i].get(); }

  bool HasBackward(int i) const {
    return options_.training && net_.layer_need_backward()[i];
  }

  LayerTraits Traits(int i) const {
    LayerUse use;
    use.bottoms = static_cast<int>(net_.bottom_ids(i).size());
    use.tops = static_cast<int>(net_.top_ids(i).size());
    use.gpu = options_.gpu;
    use.aliased = use.bottoms == use.tops && use.tops > 0;
    for (int k = 0; use.aliased && k < use.tops; ++k) {
      const auto& bottom = *net_.bottom_vecs()[i][k];
      const auto& top = *net_.top_vecs()[i][k];
      use.aliased = &bottom != &top && bottom.count() > 0 &&
                    bottom.data() == top.data() && bottom.diff() == top.diff();
    }
    use.learns_weights =
        !LayerAt(i)->blobs().empty() && LayerAt(i)->param_propagate_down(0);
    return TraitsOf(LayerAt(i)->layer_param(), use);
  }

  void JoinAliases() {
    // What a layer will alias (Split does so in forward only) ...
    for (size_t i = 0; i < traits_.size(); ++i) {
      if (net_.bottom_ids(i).empty()) continue;
      const int bottom = net_.bottom_ids(i)[0];
      for (int top : net_.top_ids(i)) {
        if (traits_[i].shares_data) data_aliases_.Join(bottom, top);
        if (traits_[i].shares_diff) diff_aliases_.Join(bottom, top);
      }
    }
    // ... and whatever is aliased already.
    std::map<const caffe::SyncedMemory*, int> data, diff;
    for (size_t b = 0; b < blobs_.size(); ++b) {
      if (blobs_[b]->count() == 0) continue;
      const int blob = static_cast<int>(b);
      const auto d = data.insert({blobs_[b]->data().get(), blob});
      const auto g = diff.insert({blobs_[b]->diff().get(), blob});
      data_aliases_.Join(d.first->second, blob);
      diff_aliases_.Join(g.first->second, blob);
    }
  }

  void Pin(int blob) {
    pin_data_[data_aliases_.Find(blob)] = true;
    pin_diff_[diff_aliases_.Find(blob)] = true;
  }

  void PinBlobs() {
    for (size_t i = 0; i < traits_.size(); ++i) {
      const bool source = net_.bottom_ids(i).empty();
      const bool unknown = !source && !traits_[i].known;
      for (size_t k = 0; k < net_.top_ids(i).size(); ++k) {
        const bool loss = LayerAt(i)->loss(static_cast<int>(k)) != 0;
        if (source || unknown || loss || traits_[i].pins_tops) {
          Pin(net_.top_ids(i)[k]);
        }
      }
      for (int bottom : net_.bottom_ids(i)) {
        if (unknown) Pin(bottom);
        if (traits_[i].pins_bottom_diffs) {
          pin_diff_[diff_aliases_.Find(bottom)] = true;
        }
      }
    }
    for (int blob : net_.input_blob_indices()) Pin(blob);
    for (int blob : net_.output_blob_indices()) Pin(blob);
    for (size_t b = 0; b < blobs_.size(); ++b) {
      if (blobs_[b]->count() == 0 ||
          options_.excluded.count(net_.blob_names()[b])) {
        Pin(static_cast<int>(b));
      }
    }
  }

  int AddStorage(const Storage& storage, const StorageBinding& binding) {
    binding_.graph.storages.push_back(storage);
    binding_.storages.push_back(binding);
    return static_cast<int>(binding_.storages.size()) - 1;
  }

  void AddBlobStorages() {
    data_of_.resize(blobs_.size());
    diff_of_.resize(blobs_.size());
    for (size_t b = 0; b < blobs_.size(); ++b) {
      const int blob = static_cast<int>(b);
      for (bool is_diff : {false, true}) {
        Aliases& aliases = is_diff ? diff_aliases_ : data_aliases_;
        vector<int>& storage_of = is_diff ? diff_of_ : data_of_;
        const int root = aliases.Find(blob);
        if (root == blob) {
          const bool pinned = is_diff ? pin_diff_[root] : pin_data_[root];
          StorageBinding binding;
          binding.is_diff = is_diff;
          storage_of[b] = AddStorage(
              {net_.blob_names()[b] + (is_diff ? " diff" : " data"), 0, pinned},
              binding);
          members_.emplace_back();
        }
        const int storage = storage_of[b] = storage_of[root];
        binding_.storages[storage].blobs.push_back(net_.blob_names()[b]);
        members_[storage].push_back(blobs_[b].get());
        if (blobs_[b]->count() > 0) {
          size_t& bytes = binding_.graph.storages[storage].bytes;
          const auto& memory = is_diff ? blobs_[b]->diff() : blobs_[b]->data();
          bytes = std::max(bytes, memory->size());
        }
      }
    }
    for (size_t s = 0; s < members_.size(); ++s) {
      const bool is_diff = binding_.storages[s].is_diff;
      const vector<Blob<Dtype>*> blobs = members_[s];
      binding_.storages[s].bind = [blobs, is_diff](const SyncedMemoryPtr& m) {
        for (Blob<Dtype>* blob : blobs) {
          is_diff ? ReplaceDiff(blob, m) : ReplaceData(blob, m);
        }
      };
    }
  }

  bool CanRunAgain(int i) const {
    caffe::Layer<Dtype>* layer = LayerAt(i);
    for (size_t k = 0; k < net_.top_ids(i).size(); ++k) {
      if (layer->loss(static_cast<int>(k)) != 0) return false;
    }
    if (layer->layer_param().type() != "Dropout") return traits_[i].repeatable;
    return layer->layer_param().phase() == caffe::TEST ||
           dynamic_cast<DataCursor*>(layer) != nullptr;
  }

  // Multiply-adds where they dominate, else a few operations a number.
  double Cost(int i) const {
    double numbers = 0, outputs = 0;
    for (int b : net_.bottom_ids(i)) numbers += blobs_[b]->count();
    for (int t : net_.top_ids(i)) outputs += blobs_[t]->count();
    const std::string type = LayerAt(i)->layer_param().type();
    if (type == "Convolution" || type == "InnerProduct") {
      return outputs * LayerAt(i)->blobs()[0]->count(1);
    }
    if (type == "Deconvolution") {
      return numbers * LayerAt(i)->blobs()[0]->count(1);
    }
    return 10 * (numbers + outputs);
  }

  void AddLayer(int i) {
    const LayerTraits& traits = traits_[i];
    LayerNode node;
    node.name = net_.layer_names()[i];
    node.has_backward = HasBackward(i);
    node.repeatable = CanRunAgain(i);
    node.cost = Cost(i);
    const vector<int>& bottoms = net_.bottom_ids(i);
    const vector<int>& tops = net_.top_ids(i);
    if (!traits.shares_data && !traits.idle) {
      for (int b : bottoms) AddOnce(data_of_[b], &node.forward.reads);
      for (int t : tops) AddOnce(data_of_[t], &node.forward.writes);
    }
    if (node.has_backward && !traits.shares_diff && !traits.idle &&
        traits.known) {
      for (size_t k = 0; k < tops.size(); ++k) {
        AddOnce(diff_of_[tops[k]], &node.backward.reads);
        if (traits.reads_top[k]) {
          AddOnce(data_of_[tops[k]], &node.backward.reads);
        }
      }
      for (size_t k = 0; k < bottoms.size(); ++k) {
        if (traits.reads_bottom[k]) {
          AddOnce(data_of_[bottoms[k]], &node.backward.reads);
        }
        if (traits.writes_bottom_diff[k] && net_.bottom_need_backward()[i][k]) {
          AddOnce(diff_of_[bottoms[k]], &node.backward.writes);
        }
      }
    }
    AddStates(i, &node);
    if (!options_.gpu) AddLoans(i, &node);
    binding_.graph.layers.push_back(node);
  }

  void AddStates(int i, LayerNode* node) {
    for (const LayerState& state : StatesOf(LayerAt(i))) {
      StorageBinding binding;
      binding.bind = state.bind;
      const int storage = AddStorage(
          {node->name + " " + state.name, state.memory->size(), false},
          binding);
      node->forward.writes.push_back(storage);
      if (node->has_backward) node->backward.reads.push_back(storage);
    }
  }

  void AddLoans(int i, LayerNode* node) {
    if (auto* layer = dynamic_cast<ScratchBorrower*>(LayerAt(i))) {
      node->forward.scratch_bytes = layer->ScratchBytes();
      if (node->has_backward) {
        node->backward.scratch_bytes = layer->ScratchBytes();
      }
    }
    auto* layer = dynamic_cast<ImageByImage*>(LayerAt(i));
    if (layer == nullptr) return;
    const ImageByImage::Images images = layer->ImagesOfCall();
    if (images.count == 0) return;
    const int bottom = net_.bottom_ids(i)[0];
    const int top = net_.top_ids(i)[0];
    const auto lead = [&](size_t read, size_t write) {
      return OverlayLead(images.count, static_cast<int64_t>(read),
                         static_cast<int64_t>(write));
    };
    node->forward.overlays.push_back(
        {data_of_[bottom], data_of_[top],
         lead(images.bottom_bytes, images.top_bytes)});
    node->backward.overlays.push_back(
        {diff_of_[top], diff_of_[bottom],
         lead(images.top_bytes, images.bottom_bytes)});
    node->backward.overlays.push_back(
        {data_of_[bottom], diff_of_[bottom],
         lead(images.bottom_bytes, images.bottom_bytes)});
  }

  // A gradient that a layer reads though no later layer wrote it is zero, and
  // must stay so.
  void PinUnwrittenDiffs() {
    vector<bool> written(binding_.storages.size(), false);
    for (size_t i = binding_.graph.layers.size(); i-- > 0;) {
      const LayerNode& layer = binding_.graph.layers[i];
      for (int s : layer.backward.reads) {
        if (binding_.storages[s].is_diff && !written[s]) {
          binding_.graph.storages[s].pinned = true;
        }
      }
      for (int s : layer.backward.writes) written[s] = true;
    }
  }

  // A ReLU keeps signs where that frees its bottom before the backward pass.
  void MaybeKeepSigns(int i) {
    auto* layer = dynamic_cast<SignKeeper*>(LayerAt(i));
    LayerNode& node = binding_.graph.layers[i];
    if (layer == nullptr || options_.gpu) return;
    const int bottom = data_of_[net_.bottom_ids(i)[0]];
    bool useful = node.has_backward;
    for (size_t j = 0; useful && j < binding_.graph.layers.size(); ++j) {
      const LayerNode& other = binding_.graph.layers[j];
      const int at = static_cast<int>(j);
      if (at != i && Contains(other.backward.reads, bottom)) useful = false;
      // Caffe would see what a later layer made of it in place.
      if (at > i && Contains(other.forward.writes, bottom)) useful = false;
    }
    if (!useful) {
      layer->LendSigns(nullptr);
      return;
    }
    StorageBinding binding;
    binding.bind = [layer](const SyncedMemoryPtr& m) { layer->LendSigns(m); };
    const int signs =
        AddStorage({node.name + " signs", layer->SignBytes(), false}, binding);
    auto& reads = node.backward.reads;
    reads.erase(std::remove(reads.begin(), reads.end(), bottom), reads.end());
    reads.push_back(signs);
    node.forward.writes.push_back(signs);
  }

  void CountStockBytes() {
    std::set<int> touched;
    for (const LayerNode& layer : binding_.graph.layers) {
      for (const LayerAccess* access : {&layer.forward, &layer.backward}) {
        touched.insert(access->reads.begin(), access->reads.end());
        touched.insert(access->writes.begin(), access->writes.end());
      }
      binding_.stock_bytes +=
          std::max(layer.forward.scratch_bytes, layer.backward.scratch_bytes);
    }
    for (int s : touched) {
      const std::string& name = binding_.graph.storages[s].name;
      if (name.size() > 6 && name.substr(name.size() - 6) == " signs") continue;
      binding_.stock_bytes += binding_.graph.storages[s].bytes;
    }
  }

  const caffe::Net<Dtype>& net_;
  const BindingOptions& options_;
  const vector<boost::shared_ptr<Blob<Dtype>>>& blobs_;
  Aliases data_aliases_;
  Aliases diff_aliases_;
  vector<bool> pin_data_;  // by root
  vector<bool> pin_diff_;
  vector<LayerTraits> traits_;
  vector<int> data_of_;  // storage by blob
  vector<int> diff_of_;
  vector<vector<Blob<Dtype>*>> members_;  // by storage
  NetBinding binding_;
};

}  // namespace

template <typename Dtype>
NetBinding BindNet(const caffe::Net<Dtype>& net,
                   const BindingOptions& options) {
  return Binder<Dtype>(net, options).Bind();
}

template NetBinding BindNet(const caffe::Net<float>&, const BindingOptions&);
template NetBinding BindNet(const caffe::Net<double>&, const BindingOptions&);

}  // namespace two_stream
