#include "caffe_ext/memory/memory_options.hpp"

#include <glog/logging.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "caffe_ext/common/error.hpp"

namespace two_stream {

using std::string;
using std::vector;

void KeepSmallest(double share, NetBinding* binding) {
  vector<std::pair<size_t, int>> by_size;
  for (size_t s = 0; s < binding->storages.size(); ++s) {
    const Storage& storage = binding->graph.storages[s];
    const StorageBinding& bound = binding->storages[s];
    if (!storage.pinned && !bound.is_diff && !bound.blobs.empty()) {
      by_size.push_back({storage.bytes, static_cast<int>(s)});
    }
  }
  std::sort(by_size.begin(), by_size.end());
  double left = share * static_cast<double>(binding->stock_bytes);
  for (const auto& entry : by_size) {
    left -= static_cast<double>(entry.first);
    if (left < 0) break;
    binding->graph.storages[entry.second].pinned = true;
  }
}

RecomputePlan ChoosePlan(const NetBinding& binding,
                         const MemoryOptions& options, const string& net_name) {
  const NetGraph& graph = binding.graph;
  if (!options.recompute || !options.backward) {
    return PlanDropping(graph, {});
  }
  if (options.recompute_blobs.empty()) {
    if (options.budget_bytes == 0) return PlanSmallest(graph);
    RecomputePlan plan = PlanWithin(graph, options.budget_bytes);
    if (plan.plan.arena_bytes > options.budget_bytes) {
      throw UserError(
          "mem_param.recompute.budget_mb is " +
          std::to_string(options.budget_bytes / 1000000) + ", but net " +
          net_name + " needs " +
          std::to_string(PlanSmallest(graph).plan.arena_bytes / 1000000 + 1) +
          "; raise it, or lower the batch size");
    }
    return plan;
  }
  const vector<bool> droppable = Droppable(graph);
  vector<bool> dropped(graph.storages.size(), false);
  for (const string& name : options.recompute_blobs) {
    bool found = false;
    for (size_t s = 0; s < binding.storages.size(); ++s) {
      const StorageBinding& bound = binding.storages[s];
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
      throw UserError("mem_param.recompute: net " + net_name +
                      " has no blob \"" + name + "\"");
    }
  }
  return PlanDropping(graph, dropped);
}

MemorySummary Summarize(const NetBinding& binding, const RecomputePlan& plan) {
  MemorySummary summary;
  summary.stock = binding.stock_bytes;
  summary.unshared = RawBytes(plan.schedule.problem);
  summary.planned = plan.plan.arena_bytes;
  summary.lower_bound = LowerBound(plan.schedule.problem);
  summary.heuristic = plan.plan.heuristic;
  double forward = 0;
  std::set<int> used;
  for (const LayerNode& layer : binding.graph.layers) {
    forward += layer.cost;
    for (const LayerAccess* access : {&layer.forward, &layer.backward}) {
      used.insert(access->reads.begin(), access->reads.end());
      used.insert(access->writes.begin(), access->writes.end());
    }
  }
  for (int s : used) {
    const Storage& storage = binding.graph.storages[s];
    if (storage.pinned) summary.pinned += storage.bytes;
  }
  summary.recompute_share =
      forward > 0 ? plan.schedule.recompute_cost / forward : 0;
  return summary;
}

}  // namespace two_stream
