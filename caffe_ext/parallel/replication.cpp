#include "caffe_ext/parallel/replication.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "caffe_ext/common/error.hpp"

namespace two_stream {

template <typename Dtype>
std::vector<bool> ReplicatedLayers(const caffe::Net<Dtype>& net) {
  enum class Scope { kLocal, kWhole };
  std::map<int, Scope> blobs;  // what the last writer of each has put there
  std::vector<bool> replicated(net.layers().size(), false);
  for (int i = 0; i < net.layers().size(); ++i) {
    const std::string type = net.layers()[i]->type();
    const std::vector<int>& bottoms = net.bottom_ids(i);
    const auto is_whole = [&](int blob) {
      return blobs[blob] == Scope::kWhole;
    };
    const auto whole = std::count_if(bottoms.begin(), bottoms.end(), is_whole);
    if (type != "Gather" && whole > 0) {
      if (whole != bottoms.size()) {
        const auto own =
            std::find_if_not(bottoms.begin(), bottoms.end(), is_whole);
        throw UserError("layer " + net.layer_names()[i] + " reads \"" +
                        net.blob_names()[*own] +
                        "\" of this rank beside the whole batch; let it pass "
                        "through the Gather layer too");
      }
      replicated[i] = true;
    }
    const Scope scope =
        type == "Gather" || replicated[i] ? Scope::kWhole : Scope::kLocal;
    for (int top : net.top_ids(i)) blobs[top] = scope;
  }
  return replicated;
}

template <typename Dtype>
std::vector<PlannedParam> PlannedParams(const caffe::Net<Dtype>& net,
                                        const std::vector<bool>& replicated) {
  // Sharers of a parameter have blobs of their own over the owner's memory.
  std::map<const void*, PlannedParam> by_memory;
  for (int i = 0; i < net.layers().size(); ++i) {
    const auto& blobs = net.layers()[i]->blobs();
    for (int j = 0; j < blobs.size(); ++j) {
      auto entry = by_memory.emplace(
          blobs[j]->diff().get(),
          PlannedParam{static_cast<size_t>(blobs[j]->count()), i, true});
      const bool frozen = !net.layer_need_backward()[i] ||
                          !net.layers()[i]->param_propagate_down(j);
      entry.first->second.replicated &= replicated[i] || frozen;
    }
  }
  std::vector<PlannedParam> params;
  for (const caffe::Blob<Dtype>* blob : net.learnable_params()) {
    params.push_back(by_memory.at(blob->diff().get()));
  }
  return params;
}

#define INSTANTIATE(Dtype)                                                   \
  template std::vector<bool> ReplicatedLayers(const caffe::Net<Dtype>&);     \
  template std::vector<PlannedParam> PlannedParams(const caffe::Net<Dtype>&, \
                                                   const std::vector<bool>&)
INSTANTIATE(float);
INSTANTIATE(double);
#undef INSTANTIATE

}  // namespace two_stream
