#include "caffe_ext/memory/recompute.hpp"

#include <algorithm>
#include <utility>

namespace two_stream {
namespace {

// Bytes x steps above the budget.
double Excess(const MemoryProblem& problem, size_t budget) {
  double excess = 0;
  for (size_t live : LiveBytes(problem)) {
    if (live > budget) excess += static_cast<double>(live - budget);
  }
  return excess;
}

// Greedy choice for live sets of at most `budget` bytes.
std::vector<bool> Choose(const NetGraph& graph, size_t budget) {
  const std::vector<bool> droppable = Droppable(graph);
  std::vector<bool> dropped(graph.storages.size(), false);
  double excess = Excess(MakeSchedule(graph).problem, budget);
  double cost = 0;
  while (excess > 0) {
    int best = -1;
    double best_gain = 0, best_excess = 0, best_cost = 0;
    for (size_t s = 0; s < dropped.size(); ++s) {
      if (!droppable[s] || dropped[s]) continue;
      dropped[s] = true;
      const Schedule schedule = MakeSchedule(graph, dropped);
      dropped[s] = false;
      const double left = Excess(schedule.problem, budget);
      // A free storage still costs the time to run its layer's loop.
      const double added = std::max(schedule.recompute_cost - cost, 0.0) + 1e-9;
      const double gain = (excess - left) / added;
      if (gain > best_gain) {
        best = static_cast<int>(s);
        best_gain = gain;
        best_excess = left;
        best_cost = schedule.recompute_cost;
      }
    }
    if (best < 0) break;
    dropped[best] = true;
    excess = best_excess;
    cost = best_cost;
  }
  return dropped;
}

// What turned out needless is kept after all.
void KeepWhatIsNotNeeded(const NetGraph& graph, size_t budget,
                         std::vector<bool>* dropped) {
  double cost = MakeSchedule(graph, *dropped).recompute_cost;
  for (size_t s = 0; s < dropped->size(); ++s) {
    if (!(*dropped)[s]) continue;
    (*dropped)[s] = false;
    const Schedule schedule = MakeSchedule(graph, *dropped);
    if (Excess(schedule.problem, budget) > 0 ||
        schedule.recompute_cost > cost) {
      (*dropped)[s] = true;
    } else {
      cost = schedule.recompute_cost;
    }
  }
}

}  // namespace

RecomputePlan PlanDropping(const NetGraph& graph,
                           const std::vector<bool>& dropped) {
  RecomputePlan result;
  result.dropped = dropped;
  result.schedule = MakeSchedule(graph, dropped);
  result.plan = PlanMemory(result.schedule.problem);
  return result;
}

RecomputePlan PlanWithin(const NetGraph& graph, size_t budget) {
  RecomputePlan best = PlanDropping(graph, {});
  // The arena may end a little above the largest live set: then aim lower.
  size_t target = budget;
  for (int attempt = 0; attempt < 4 && best.plan.arena_bytes > budget;
       ++attempt) {
    std::vector<bool> dropped = Choose(graph, target);
    KeepWhatIsNotNeeded(graph, target, &dropped);
    RecomputePlan plan = PlanDropping(graph, dropped);
    const size_t over =
        plan.plan.arena_bytes - std::min(plan.plan.arena_bytes, budget);
    if (plan.plan.arena_bytes < best.plan.arena_bytes) best = std::move(plan);
    if (over >= target) break;
    target -= over;
  }
  return best;
}

RecomputePlan PlanSmallest(const NetGraph& graph) {
  RecomputePlan best = PlanDropping(graph, {});
  size_t high = best.plan.arena_bytes;
  size_t low = 0;  // no plan is that small
  for (int round = 0; round < 10 && low + low / 100 < high; ++round) {
    const size_t middle = low + (high - low) / 2;
    RecomputePlan plan = PlanWithin(graph, middle);
    const size_t bytes = plan.plan.arena_bytes;
    if (bytes <= middle) {
      high = bytes;
    } else {
      low = middle;
    }
    if (bytes < best.plan.arena_bytes) best = std::move(plan);
  }
  return best;
}

}  // namespace two_stream
