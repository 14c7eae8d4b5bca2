#include "caffe_ext/memory/schedule.hpp"

#include <glog/logging.h>

#include <algorithm>
#include <set>

namespace two_stream {
namespace {

bool Contains(const std::vector<int>& values, int value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

// By storage: the layers whose forward writes it, ascending.
std::vector<std::vector<int>> WritersOf(const NetGraph& graph) {
  std::vector<std::vector<int>> writers(graph.storages.size());
  for (size_t i = 0; i < graph.layers.size(); ++i) {
    for (int s : graph.layers[i].forward.writes) {
      writers[s].push_back(static_cast<int>(i));
    }
  }
  return writers;
}

std::vector<bool> ReadInBackward(const NetGraph& graph) {
  std::vector<bool> read(graph.storages.size(), false);
  for (const LayerNode& layer : graph.layers) {
    if (!layer.has_backward) continue;
    for (int s : layer.backward.reads) read[s] = true;
  }
  return read;
}

// Storages that running layers again gives back as they were.
std::vector<bool> Computable(const NetGraph& graph) {
  const std::vector<std::vector<int>> writers = WritersOf(graph);
  const size_t count = graph.storages.size();
  std::vector<bool> stable(count, true);
  for (size_t i = 0; i < graph.layers.size(); ++i) {
    const LayerNode& layer = graph.layers[i];
    for (int s : layer.forward.reads) {
      // Changed in place after this layer read it: what it saw is gone.
      if (!Contains(layer.forward.writes, s) && !writers[s].empty() &&
          writers[s].back() > static_cast<int>(i)) {
        stable[s] = false;
      }
    }
  }
  // A layer can run again if all that it touches is stable. Repeating it runs
  // every other writer of its outputs too, so those must be repeatable.
  std::vector<bool> repeatable(graph.layers.size());
  for (size_t i = 0; i < graph.layers.size(); ++i) {
    const LayerAccess& forward = graph.layers[i].forward;
    repeatable[i] = graph.layers[i].repeatable;
    for (int s : forward.reads) repeatable[i] = repeatable[i] && stable[s];
    for (int s : forward.writes) repeatable[i] = repeatable[i] && stable[s];
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (const std::vector<int>& chain : writers) {
      const bool all = std::all_of(chain.begin(), chain.end(),
                                   [&](int w) { return repeatable[w]; });
      for (int w : chain) {
        if (!all && repeatable[w]) {
          repeatable[w] = false;
          changed = true;
        }
      }
    }
  }
  std::vector<bool> computable(count);
  for (size_t s = 0; s < count; ++s) {
    computable[s] = !graph.storages[s].pinned && !writers[s].empty() &&
                    repeatable[writers[s].front()];
  }
  return computable;
}

// The order of turns.
class StepMaker {
 public:
  StepMaker(const NetGraph& graph, const std::vector<bool>& dropped)
      : graph_(graph), writers_(WritersOf(graph)), missing_(dropped) {
    missing_.resize(graph.storages.size(), false);
    if (std::count(dropped.begin(), dropped.end(), true) == 0) return;
    // What only the forward pass reads isn't kept for a recomputation.
    const std::vector<bool> computable = Computable(graph);
    const std::vector<bool> read = ReadInBackward(graph);
    for (size_t s = 0; s < missing_.size(); ++s) {
      if (computable[s] && !read[s]) missing_[s] = true;
    }
  }

  std::vector<Step> Steps() {
    const int layers = static_cast<int>(graph_.layers.size());
    for (int i = 0; i < layers; ++i) steps_.push_back({Step::FORWARD, i});
    for (int i = layers - 1; i >= 0; --i) {
      if (!graph_.layers[i].has_backward) continue;
      std::set<int> again;
      for (int s : graph_.layers[i].backward.reads) {
        if (missing_[s]) Restore(s, &again);
      }
      for (int layer : again) steps_.push_back({Step::RECOMPUTE, layer});
      steps_.push_back({Step::BACKWARD, i});
    }
    return steps_;
  }

 private:
  // Adds to `again` the layers that write storage s, and what they need.
  void Restore(int s, std::set<int>* again) {
    missing_[s] = false;
    for (int layer : writers_[s]) {
      if (!again->insert(layer).second) continue;
      for (int input : graph_.layers[layer].forward.reads) {
        if (missing_[input]) Restore(input, again);
      }
      // Whatever else it writes must end as it was: all its writers run.
      for (int output : graph_.layers[layer].forward.writes) {
        if (output != s) Restore(output, again);
      }
    }
  }

  const NetGraph& graph_;
  const std::vector<std::vector<int>> writers_;
  std::vector<bool> missing_;
  std::vector<Step> steps_;
};

// The lives that the turns imply.
class LifeMaker {
 public:
  LifeMaker(const NetGraph& graph, Schedule* schedule)
      : graph_(graph),
        schedule_(schedule),
        current_(graph.storages.size(), -1),
        batch_of_(graph.storages.size(), -1) {}

  void Make() {
    const int steps = static_cast<int>(schedule_->steps.size());
    schedule_->reads.resize(steps);
    schedule_->writes.resize(steps);
    int batch = 0;  // of RECOMPUTE steps in a row; 0: the forward pass
    Step::Kind previous = Step::FORWARD;
    for (int t = 0; t < steps; ++t) {
      const Step& step = schedule_->steps[t];
      const LayerNode& layer = graph_.layers[step.layer];
      if (step.kind == Step::RECOMPUTE) {
        if (previous != Step::RECOMPUTE) ++batch;
        schedule_->recompute_cost += layer.cost;
      }
      previous = step.kind;
      const bool backward = step.kind == Step::BACKWARD;
      const LayerAccess& access = backward ? layer.backward : layer.forward;
      for (int s : access.reads) Read(s, t, layer.name);
      for (int s : access.writes) Write(s, t, backward ? -1 : batch);
      if (access.scratch_bytes > 0) {
        AddLife(-1, t, {layer.name + " scratch", access.scratch_bytes, t, t});
        schedule_->writes[t].push_back(Latest());
      }
    }
    AddOverlays();
  }

 private:
  int Latest() const { return static_cast<int>(schedule_->lives.size()) - 1; }

  void AddLife(int storage, int t, const Buffer& buffer) {
    schedule_->lives.push_back({storage, t});
    schedule_->problem.buffers.push_back(buffer);
  }

  void Read(int s, int t, const std::string& layer) {
    if (graph_.storages[s].pinned) return;
    CHECK_GE(current_[s], 0)
        << layer << " reads " << graph_.storages[s].name << ", never written";
    schedule_->problem.buffers[current_[s]].last = t;
    schedule_->reads[t].push_back(current_[s]);
  }

  // A storage lives anew when a batch of recomputed layers writes it first; a
  // later writer of the same batch works in place.
  void Write(int s, int t, int batch) {
    const Storage& storage = graph_.storages[s];
    if (storage.pinned) return;
    const bool anew = batch >= 0 && batch != batch_of_[s];
    if (current_[s] < 0 || anew) {
      AddLife(s, t, {storage.name, storage.bytes, t, t});
      current_[s] = Latest();
      batch_of_[s] = batch;
    }
    schedule_->problem.buffers[current_[s]].last = t;
    if (!Contains(schedule_->writes[t], current_[s])) {
      schedule_->writes[t].push_back(current_[s]);
    }
  }

  void AddOverlays() {
    for (size_t t = 0; t < schedule_->steps.size(); ++t) {
      const Step& step = schedule_->steps[t];
      const LayerNode& layer = graph_.layers[step.layer];
      const auto& overlays = step.kind == Step::BACKWARD
                                 ? layer.backward.overlays
                                 : layer.forward.overlays;
      for (const ImageOverlay& o : overlays) {
        const int reader = LifeOf(o.reader, schedule_->reads[t]);
        const int writer = LifeOf(o.writer, schedule_->writes[t]);
        if (reader < 0 || writer < 0 || reader == writer) continue;
        const auto& buffers = schedule_->problem.buffers;
        const int now = static_cast<int>(t);
        if (buffers[reader].last == now && buffers[writer].first == now) {
          schedule_->problem.overlays.push_back({reader, writer, o.min_lead});
        }
      }
    }
  }

  int LifeOf(int storage, const std::vector<int>& lives) const {
    for (int life : lives) {
      if (schedule_->lives[life].storage == storage) return life;
    }
    return -1;
  }

  const NetGraph& graph_;
  Schedule* schedule_;
  std::vector<int> current_;   // by storage: its latest life
  std::vector<int> batch_of_;  // that began it
};

}  // namespace

std::vector<bool> Droppable(const NetGraph& graph) {
  std::vector<bool> droppable = Computable(graph);
  const std::vector<bool> read = ReadInBackward(graph);
  for (size_t s = 0; s < droppable.size(); ++s) {
    droppable[s] = droppable[s] && read[s];
  }
  return droppable;
}

Schedule MakeSchedule(const NetGraph& graph, const std::vector<bool>& dropped) {
  Schedule schedule;
  schedule.steps = StepMaker(graph, dropped).Steps();
  schedule.forward_step.assign(graph.layers.size(), -1);
  schedule.backward_step.assign(graph.layers.size(), -1);
  for (size_t t = 0; t < schedule.steps.size(); ++t) {
    const Step& step = schedule.steps[t];
    if (step.kind == Step::FORWARD) {
      schedule.forward_step[step.layer] = static_cast<int>(t);
    } else if (step.kind == Step::BACKWARD) {
      schedule.backward_step[step.layer] = static_cast<int>(t);
    }
  }
  LifeMaker(graph, &schedule).Make();
  return schedule;
}

}  // namespace two_stream
