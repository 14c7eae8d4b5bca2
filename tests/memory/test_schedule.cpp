#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>

#include "caffe_ext/memory/recompute.hpp"
#include "caffe_ext/memory/schedule.hpp"

namespace two_stream {
namespace {

uint64_t Mix(uint64_t a, uint64_t b) {
  a ^= b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2);
  a *= 0xff51afd7ed558ccdu;
  return a ^ (a >> 29);
}

// A random net: in-place layers, state of their own, several inputs and
// outputs, layers that can't run again, blobs that nobody differentiates.
NetGraph RandomNet(std::mt19937* rng, int layers) {
  const auto draw = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(*rng);
  };
  NetGraph graph;
  std::vector<int> diff_of;
  const auto add_storage = [&](const char* kind, bool pinned) {
    const int index = static_cast<int>(graph.storages.size());
    graph.storages.push_back({kind + std::to_string(index),
                              static_cast<size_t>(8 * draw(1, 40)), pinned});
    diff_of.push_back(-1);
    return index;
  };
  std::vector<int> data = {add_storage("input", true)};
  for (int i = 0; i < layers; ++i) {
    LayerNode layer;
    layer.name = "layer" + std::to_string(i);
    layer.repeatable = draw(0, 9) > 0;
    layer.cost = draw(1, 20);
    layer.has_backward = draw(0, 9) > 0;
    const int inputs = draw(1, 3);
    std::set<int> chosen;
    for (int k = 0; k < inputs; ++k) {
      // Mostly recent ones.
      const int back = std::min<int>(data.size() - 1, draw(0, draw(0, 6)));
      chosen.insert(data[data.size() - 1 - back]);
    }
    layer.forward.reads.assign(chosen.begin(), chosen.end());
    const int first = layer.forward.reads.front();
    if (draw(0, 3) == 0 && !graph.storages[first].pinned) {
      layer.forward.writes.push_back(first);  // in place
    } else {
      const int outputs = draw(1, 2);
      for (int k = 0; k < outputs; ++k) {
        data.push_back(add_storage("data", draw(0, 15) == 0));
        layer.forward.writes.push_back(data.back());
      }
    }
    if (draw(0, 3) == 0) {
      const int state = add_storage("state", false);
      layer.forward.writes.push_back(state);
      layer.backward.reads.push_back(state);
    }
    layer.forward.scratch_bytes = static_cast<size_t>(8 * draw(0, 20));
    layer.backward.scratch_bytes = static_cast<size_t>(8 * draw(0, 20));
    for (int s : layer.forward.reads) {
      if (draw(0, 1)) layer.backward.reads.push_back(s);
    }
    for (int s : layer.forward.writes) {
      const auto& reads = layer.backward.reads;
      if (draw(0, 1) && !std::count(reads.begin(), reads.end(), s)) {
        layer.backward.reads.push_back(s);
      }
    }
    graph.layers.push_back(layer);
  }
  std::set<int> written;
  for (int i = layers - 1; i >= 0; --i) {
    LayerNode& layer = graph.layers[i];
    if (!layer.has_backward) continue;
    for (int s : layer.forward.writes) {
      if (diff_of[s] < 0) continue;
      if (written.count(diff_of[s])) layer.backward.reads.push_back(diff_of[s]);
    }
    for (int s : layer.forward.reads) {
      if (draw(0, 5) == 0) continue;
      if (diff_of[s] < 0) {
        const int diff = add_storage("diff", false);
        diff_of[s] = diff;
      }
      layer.backward.writes.push_back(diff_of[s]);
      written.insert(diff_of[s]);
    }
  }
  return graph;
}

std::vector<bool> RandomDrop(const NetGraph& graph, std::mt19937* rng) {
  std::vector<bool> dropped = Droppable(graph);
  for (size_t s = 0; s < dropped.size(); ++s) {
    dropped[s] = dropped[s] && (*rng)() % 3 != 0;
  }
  return dropped;
}

// What a layer computes from what it reads.
uint64_t Compute(const Step& step, bool backward,
                 const std::vector<uint64_t>& inputs, int output) {
  uint64_t value = Mix(step.layer * 2 + backward, output);
  for (uint64_t input : inputs) value = Mix(value, input);
  return value;
}

const LayerAccess& AccessOf(const NetGraph& graph, const Step& step) {
  const LayerNode& layer = graph.layers[step.layer];
  return step.kind == Step::BACKWARD ? layer.backward : layer.forward;
}

// All backward inputs, by layer, of a run in which each storage has memory of
// its own and nothing is dropped.
std::vector<std::vector<uint64_t>> Reference(const NetGraph& graph) {
  std::vector<uint64_t> memory(graph.storages.size(), 7);
  std::vector<std::vector<uint64_t>> seen(graph.layers.size());
  const auto run = [&](Step step) {
    const LayerAccess& access = AccessOf(graph, step);
    const bool backward = step.kind == Step::BACKWARD;
    std::vector<uint64_t> inputs;
    for (int s : access.reads) inputs.push_back(memory[s]);
    if (backward) seen[step.layer] = inputs;
    for (int s : access.writes) memory[s] = Compute(step, backward, inputs, s);
  };
  const int layers = static_cast<int>(graph.layers.size());
  for (int i = 0; i < layers; ++i) run({Step::FORWARD, i});
  for (int i = layers - 1; i >= 0; --i) {
    if (graph.layers[i].has_backward) run({Step::BACKWARD, i});
  }
  return seen;
}

// The same in one arena: every read must find all its words intact.
void RunInArena(const NetGraph& graph, const RecomputePlan& planned) {
  const Schedule& schedule = planned.schedule;
  ASSERT_EQ(CheckPlan(schedule.problem, planned.plan), "");
  const auto expected = Reference(graph);
  std::vector<uint64_t> arena(planned.plan.arena_bytes / 8 + 8, 1);
  std::vector<uint64_t> pinned(graph.storages.size(), 7);
  const auto words = [&](int life) {
    return arena.begin() + planned.plan.offsets[life] / 8;
  };
  const auto fill = [&](int life, uint64_t value) {
    std::fill_n(words(life), schedule.problem.buffers[life].bytes / 8, value);
  };
  for (size_t t = 0; t < schedule.steps.size(); ++t) {
    const Step& step = schedule.steps[t];
    const bool backward = step.kind == Step::BACKWARD;
    const LayerAccess& access = AccessOf(graph, step);
    std::vector<uint64_t> inputs;
    size_t next = 0;
    for (int s : access.reads) {
      if (graph.storages[s].pinned) {
        inputs.push_back(pinned[s]);
        continue;
      }
      const int life = schedule.reads[t][next++];
      ASSERT_EQ(schedule.lives[life].storage, s);
      const uint64_t value = *words(life);
      const size_t bytes = schedule.problem.buffers[life].bytes;
      for (size_t k = 0; k < bytes / 8; ++k) {
        ASSERT_EQ(*(words(life) + k), value) << graph.storages[s].name;
      }
      inputs.push_back(value);
    }
    if (backward) {
      ASSERT_EQ(inputs, expected[step.layer]) << step.layer;
    }
    for (int life : schedule.writes[t]) {
      if (schedule.lives[life].storage < 0) fill(life, 0);
    }
    for (int s : access.writes) {
      const uint64_t value = Compute(step, backward, inputs, s);
      if (graph.storages[s].pinned) {
        pinned[s] = value;
        continue;
      }
      for (int life : schedule.writes[t]) {
        if (schedule.lives[life].storage == s) fill(life, value);
      }
    }
  }
}

TEST(Schedule, EveryLayerReadsTheSameValuesInTheArena) {
  std::mt19937 rng(1);
  for (int round = 0; round < 150; ++round) {
    const NetGraph graph = RandomNet(&rng, 1 + round % 40);
    ASSERT_NO_FATAL_FAILURE(RunInArena(graph, PlanDropping(graph, {})))
        << round;
  }
}

TEST(Schedule, RecomputedValuesAreTheSame) {
  std::mt19937 rng(2);
  int recomputed = 0;
  for (int round = 0; round < 150; ++round) {
    const NetGraph graph = RandomNet(&rng, 1 + round % 40);
    const RecomputePlan planned = PlanDropping(graph, RandomDrop(graph, &rng));
    for (const Step& step : planned.schedule.steps) {
      recomputed += step.kind == Step::RECOMPUTE;
    }
    ASSERT_NO_FATAL_FAILURE(RunInArena(graph, planned)) << round;
  }
  EXPECT_GT(recomputed, 500);
}

TEST(Schedule, ForwardAndBackwardStepsAreFound) {
  std::mt19937 rng(3);
  const NetGraph graph = RandomNet(&rng, 30);
  const Schedule schedule = MakeSchedule(graph, RandomDrop(graph, &rng));
  for (size_t i = 0; i < graph.layers.size(); ++i) {
    const Step& forward = schedule.steps[schedule.forward_step[i]];
    EXPECT_EQ(forward.kind, Step::FORWARD);
    EXPECT_EQ(forward.layer, static_cast<int>(i));
    ASSERT_EQ(schedule.backward_step[i] >= 0, graph.layers[i].has_backward);
    if (!graph.layers[i].has_backward) continue;
    const Step& backward = schedule.steps[schedule.backward_step[i]];
    EXPECT_EQ(backward.kind, Step::BACKWARD);
    EXPECT_EQ(backward.layer, static_cast<int>(i));
  }
}

// A chain of n equal layers whose backward reads their input.
NetGraph Chain(int layers, size_t bytes) {
  NetGraph graph;
  graph.storages.push_back({"input", bytes, true});
  for (int i = 0; i < layers; ++i) {
    graph.storages.push_back({"data" + std::to_string(i), bytes, false});
  }
  for (int i = 0; i < layers; ++i) {
    LayerNode layer;
    layer.name = "layer" + std::to_string(i);
    layer.repeatable = true;
    layer.cost = 1;
    layer.has_backward = true;
    layer.forward.reads = {i};
    layer.forward.writes = {i + 1};
    layer.backward.reads = {i};
    graph.layers.push_back(layer);
  }
  return graph;
}

TEST(Recompute, ChainIsCheckpointed) {
  const int layers = 64;
  const NetGraph graph = Chain(layers, 6400);
  const size_t all = PlanDropping(graph, {}).plan.arena_bytes;
  EXPECT_EQ(all, size_t{6400} * layers);
  const RecomputePlan smallest = PlanSmallest(graph);
  EXPECT_NO_FATAL_FAILURE(RunInArena(graph, smallest));
  // The classical bound is 2 sqrt(n) at the price of one more forward pass.
  EXPECT_LE(smallest.plan.arena_bytes, size_t{6400} * 22);
  EXPECT_LE(smallest.schedule.recompute_cost, layers);
  const RecomputePlan half = PlanWithin(graph, all / 2);
  EXPECT_LE(half.plan.arena_bytes, all / 2);
  EXPECT_LE(half.schedule.recompute_cost, smallest.schedule.recompute_cost);
  EXPECT_NO_FATAL_FAILURE(RunInArena(graph, half));
  const RecomputePlan none = PlanWithin(graph, all);
  EXPECT_EQ(none.schedule.recompute_cost, 0);
}

TEST(Recompute, BudgetsOfRandomNets) {
  std::mt19937 rng(4);
  int met = 0;
  for (int round = 0; round < 15; ++round) {
    const NetGraph graph = RandomNet(&rng, 25);
    const size_t all = PlanDropping(graph, {}).plan.arena_bytes;
    const size_t budget = all * 8 / 10;
    const RecomputePlan planned = PlanWithin(graph, budget);
    EXPECT_NO_FATAL_FAILURE(RunInArena(graph, planned));
    EXPECT_LE(planned.plan.arena_bytes, all);
    met += planned.plan.arena_bytes <= budget;
  }
  EXPECT_GT(met, 3);
}

TEST(Droppable, ExcludesWhatCantBeComputedAgain) {
  NetGraph graph = Chain(3, 8);
  EXPECT_EQ(Droppable(graph), std::vector<bool>({false, true, true, false}));
  graph.layers[0].repeatable = false;
  EXPECT_EQ(Droppable(graph), std::vector<bool>({false, false, true, false}));
  graph = Chain(3, 8);
  graph.storages[1].pinned = true;
  EXPECT_EQ(Droppable(graph), std::vector<bool>({false, false, true, false}));
  // Layer 1 reads data0, then layer 2 changes it in place.
  graph = Chain(3, 8);
  graph.layers[2].forward.reads = {1, 2};
  graph.layers[2].forward.writes = {1};
  EXPECT_EQ(Droppable(graph), std::vector<bool>({false, false, false, false}));
}

}  // namespace
}  // namespace two_stream
