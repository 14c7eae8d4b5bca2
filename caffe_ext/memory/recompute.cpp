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

// What dropping one more storage would bring.
struct Candidate {
  int storage;
  double gain;  // bytes x steps below the excess so far, per unit of cost
  double excess;
  double cost;
};

// Greedy choice for live sets of at most `budget` bytes.
class Chooser {
 public:
  Chooser(const NetGraph& graph, size_t budget)
      : graph_(graph), budget_(budget), dropped_(graph.storages.size(), false) {
    excess_ = Excess(MakeSchedule(graph).problem, budget);
    const std::vector<bool> droppable = Droppable(graph);
    for (size_t s = 0; s < droppable.size(); ++s) {
      if (!droppable[s]) continue;
      candidates_.push_back({static_cast<int>(s), 0, 0, 0});
      Evaluate(&candidates_.back());
    }
  }

  std::vector<bool> Choose() {
    while (excess_ > 0 && DropBest()) {
    }
    return dropped_;
  }

 private:
  void Evaluate(Candidate* candidate) {
    dropped_[candidate->storage] = true;
    const Schedule schedule = MakeSchedule(graph_, dropped_);
    dropped_[candidate->storage] = false;
    candidate->excess = Excess(schedule.problem, budget_);
    candidate->cost = schedule.recompute_cost;
    // What comes for free still costs the time to run its layer.
    const double added = std::max(candidate->cost - cost_, 0.0) + 1e-9;
    candidate->gain = (excess_ - candidate->excess) / added;
  }

  // Gains seldom grow as more is dropped: those of the last round are taken
  // for upper bounds, and only the best are worked out again.
  bool DropBest() {
    const auto worse = [](const Candidate& a, const Candidate& b) {
      return a.gain < b.gain;
    };
    std::make_heap(candidates_.begin(), candidates_.end(), worse);
    std::vector<Candidate> fresh;
    auto best = fresh.end();
    while (!candidates_.empty() &&
           (best == fresh.end() || best->gain < candidates_.front().gain)) {
      std::pop_heap(candidates_.begin(), candidates_.end(), worse);
      fresh.push_back(candidates_.back());
      candidates_.pop_back();
      Evaluate(&fresh.back());
      best = std::max_element(fresh.begin(), fresh.end(), worse);
    }
    const bool found = best != fresh.end() && best->gain > 0;
    if (found) {
      dropped_[best->storage] = true;
      excess_ = best->excess;
      cost_ = best->cost;
      fresh.erase(best);
    }
    candidates_.insert(candidates_.end(), fresh.begin(), fresh.end());
    return found;
  }

  const NetGraph& graph_;
  const size_t budget_;
  std::vector<bool> dropped_;
  double excess_ = 0;
  double cost_ = 0;
  std::vector<Candidate> candidates_;
};

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
    std::vector<bool> dropped = Chooser(graph, target).Choose();
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
