#include "caffe_ext/memory/planner.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <utility>

namespace two_stream {
namespace {

constexpr int64_t kOpenEnd = std::numeric_limits<int64_t>::max();

int64_t RoundUp(int64_t value, int64_t alignment) {
  // Also for negative values: alignment is a power of two.
  return (value + alignment - 1) & ~(alignment - 1);
}

// Offsets that a placed buffer forbids to the next one: (low, high), both ends
// still allowed.
struct Forbidden {
  int64_t low;
  int64_t high;
};

// A free range of offsets, both ends included.
struct Range {
  int64_t low;
  int64_t high;
};

class Placer {
 public:
  explicit Placer(const MemoryProblem& problem)
      : problem_(problem), neighbours_(problem.buffers.size()) {
    const int count = static_cast<int>(problem.buffers.size());
    for (int a = 0; a < count; ++a) {
      for (int b = 0; b < a; ++b) {
        if (problem.buffers[a].first <= problem.buffers[b].last &&
            problem.buffers[b].first <= problem.buffers[a].last) {
          neighbours_[a].push_back({b, Bytes(a), Bytes(b)});
          neighbours_[b].push_back({a, Bytes(b), Bytes(a)});
        }
      }
    }
    const int64_t alignment = static_cast<int64_t>(problem.alignment);
    for (const Overlay& overlay : problem.overlays) {
      const int64_t lead = RoundUp(overlay.min_lead, alignment);
      for (Neighbour& n : neighbours_[overlay.reader]) {
        if (n.index == overlay.writer) n.above = std::min(n.above, lead);
      }
      for (Neighbour& n : neighbours_[overlay.writer]) {
        if (n.index == overlay.reader) n.below = std::min(n.below, lead);
      }
    }
  }

  MemoryPlan Place(const std::vector<int>& order, Heuristic::Fit fit) const {
    std::vector<int64_t> offsets(order.size(), -1);
    int64_t top = 0;
    for (int index : order) {
      offsets[index] = Choose(FreeRanges(index, offsets), fit);
      top = std::max(top, offsets[index] + Bytes(index));
    }
    MemoryPlan plan;
    plan.offsets.assign(offsets.begin(), offsets.end());
    plan.arena_bytes = static_cast<size_t>(top);
    return plan;
  }

 private:
  // A buffer alive at the same time: ours must start at least `above` after
  // its offset, or at least `below` before it.
  struct Neighbour {
    Neighbour(int index, int64_t own_bytes, int64_t bytes)
        : index(index), above(bytes), below(own_bytes) {}
    int index;
    int64_t above;
    int64_t below;
  };

  int64_t Bytes(int index) const {
    return RoundUp(static_cast<int64_t>(problem_.buffers[index].bytes),
                   static_cast<int64_t>(problem_.alignment));
  }

  std::vector<Range> FreeRanges(int index,
                                const std::vector<int64_t>& offsets) const {
    std::vector<Forbidden> forbidden;
    for (const Neighbour& n : neighbours_[index]) {
      const int64_t other = offsets[n.index];
      if (other < 0 || Bytes(n.index) == 0 || Bytes(index) == 0) continue;
      const Forbidden f = {other - n.below, other + n.above};
      if (f.low < f.high) forbidden.push_back(f);
    }
    std::sort(
        forbidden.begin(), forbidden.end(),
        [](const Forbidden& a, const Forbidden& b) { return a.low < b.low; });
    std::vector<Range> free;
    int64_t low = 0;
    for (const Forbidden& f : forbidden) {
      if (f.low >= low) free.push_back({low, f.low});
      low = std::max(low, f.high);
    }
    free.push_back({low, kOpenEnd});
    return free;
  }

  static int64_t Choose(const std::vector<Range>& free, Heuristic::Fit fit) {
    if (fit == Heuristic::LOWEST) return free.front().low;
    const Range* best = &free.front();
    for (const Range& range : free) {
      if (range.high - range.low < best->high - best->low) best = &range;
    }
    return best->low;
  }

  const MemoryProblem& problem_;
  std::vector<std::vector<Neighbour>> neighbours_;
};

std::vector<int> Ordered(const MemoryProblem& problem, Heuristic::Order order) {
  std::vector<int> indices(problem.buffers.size());
  std::iota(indices.begin(), indices.end(), 0);
  const auto key = [&](int index) {
    const Buffer& b = problem.buffers[index];
    const double bytes = static_cast<double>(b.bytes);
    const double steps = b.last - b.first + 1;
    switch (order) {
      case Heuristic::SIZE:
        return std::make_pair(-bytes, -steps);
      case Heuristic::LIFETIME:
        return std::make_pair(-steps, -bytes);
      case Heuristic::AREA:
        return std::make_pair(-bytes * steps, -bytes);
      case Heuristic::BIRTH:
        break;
    }
    return std::make_pair(static_cast<double>(b.first), -bytes);
  };
  std::stable_sort(indices.begin(), indices.end(),
                   [&](int a, int b) { return key(a) < key(b); });
  return indices;
}

// One of the buffers that end highest moves to somewhere earlier in the order.
void RaiseTopmost(const MemoryProblem& problem, const MemoryPlan& plan,
                  std::mt19937* rng, std::vector<int>* order) {
  const auto end = [&](int index) {
    return plan.offsets[index] + problem.buffers[index].bytes;
  };
  const auto top =
      std::max_element(order->begin(), order->end(),
                       [&](int a, int b) { return end(a) < end(b); });
  const auto place = top - order->begin();
  if (place == 0) return;
  // Not a distribution of the library: those differ between libraries.
  std::rotate(order->begin() + (*rng)() % place, top, top + 1);
}

// Improves the best plan so far, wandering from the order that gave it.
void Improve(const MemoryProblem& problem, const Placer& placer,
             const Heuristic& heuristic, int rounds, size_t bound,
             MemoryPlan* best) {
  std::mt19937 rng(1);
  std::vector<int> order = Ordered(problem, heuristic.order);
  MemoryPlan current = *best;
  for (int round = 0; round < rounds && best->arena_bytes > bound; ++round) {
    RaiseTopmost(problem, current, &rng, &order);
    current = placer.Place(order, heuristic.fit);
    if (current.arena_bytes < best->arena_bytes) {
      *best = current;
      best->heuristic = Name(heuristic) + ", improved";
    }
  }
}

}  // namespace

std::string Name(const Heuristic& heuristic) {
  static const char* const kOrders[] = {"size", "lifetime", "area", "birth"};
  return std::string(kOrders[heuristic.order]) +
         (heuristic.fit == Heuristic::LOWEST ? ", lowest" : ", tightest");
}

std::vector<Heuristic> AllHeuristics() {
  std::vector<Heuristic> all;
  for (Heuristic::Order order : {Heuristic::SIZE, Heuristic::LIFETIME,
                                 Heuristic::AREA, Heuristic::BIRTH}) {
    for (Heuristic::Fit fit : {Heuristic::LOWEST, Heuristic::TIGHTEST}) {
      all.push_back({order, fit});
    }
  }
  return all;
}

int64_t OverlayLead(int64_t images, int64_t read_bytes, int64_t write_bytes) {
  // Image n of the output, n < images - 1, must end before image n + 1 of the
  // input starts: lead >= (n + 1) (write - read). The last one is free.
  const int64_t growth = write_bytes - read_bytes;
  if (images < 2) return -images * read_bytes;
  return growth > 0 ? (images - 1) * growth : growth;
}

size_t RawBytes(const MemoryProblem& problem) {
  size_t sum = 0;
  for (const Buffer& buffer : problem.buffers) sum += buffer.bytes;
  return sum;
}

std::vector<size_t> LiveBytes(const MemoryProblem& problem) {
  int steps = 0;
  for (const Buffer& b : problem.buffers) steps = std::max(steps, b.last + 1);
  // Differences first, then their sums.
  std::vector<size_t> live(steps + 1, 0);
  for (const Buffer& b : problem.buffers) {
    live[b.first] += b.bytes;
    live[b.last + 1] -= b.bytes;
  }
  for (int step = 0; step < steps; ++step) live[step + 1] += live[step];
  live.resize(steps);
  // A writer saves at most itself, and of each reader at most that reader.
  std::vector<size_t> saved(problem.buffers.size(), 0);
  for (const Overlay& overlay : problem.overlays) {
    const size_t writer = problem.buffers[overlay.writer].bytes;
    const size_t reader = problem.buffers[overlay.reader].bytes;
    saved[overlay.writer] =
        std::min(writer, saved[overlay.writer] + std::min(reader, writer));
  }
  for (size_t i = 0; i < saved.size(); ++i) {
    size_t& at = live[problem.buffers[i].first];
    at -= std::min(at, saved[i]);
  }
  return live;
}

size_t LowerBound(const MemoryProblem& problem) {
  const std::vector<size_t> live = LiveBytes(problem);
  size_t bound = live.empty() ? 0 : *std::max_element(live.begin(), live.end());
  // Overlays don't make one buffer smaller.
  for (const Buffer& b : problem.buffers) bound = std::max(bound, b.bytes);
  return bound;
}

MemoryPlan PlanWith(const MemoryProblem& problem, const Heuristic& heuristic) {
  MemoryPlan plan =
      Placer(problem).Place(Ordered(problem, heuristic.order), heuristic.fit);
  plan.heuristic = Name(heuristic);
  return plan;
}

MemoryPlan PlanMemory(const MemoryProblem& problem, int rounds) {
  const Placer placer(problem);
  const size_t bound = LowerBound(problem);
  MemoryPlan best;
  Heuristic winner;
  best.arena_bytes = std::numeric_limits<size_t>::max();
  for (const Heuristic& heuristic : AllHeuristics()) {
    MemoryPlan plan =
        placer.Place(Ordered(problem, heuristic.order), heuristic.fit);
    if (plan.arena_bytes < best.arena_bytes) {
      best = std::move(plan);
      best.heuristic = Name(heuristic);
      winner = heuristic;
    }
  }
  Improve(problem, placer, winner, rounds, bound, &best);
  return best;
}

}  // namespace two_stream
