#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <sstream>

#include "caffe_ext/common/error.hpp"
#include "caffe_ext/memory/planner.hpp"
#include "caffe_ext/memory/problem_file.hpp"

namespace two_stream {
namespace {

// Random lives, and overlays wherever one life ends as another begins. Each
// buffer is a batch of `images` equal images.
struct RandomProblem {
  MemoryProblem problem;
  std::vector<int> image_bytes;
  int images;
};

RandomProblem MakeRandom(std::mt19937* rng, int buffers, int steps,
                         int max_image, size_t alignment) {
  const auto draw = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(*rng);
  };
  RandomProblem made;
  made.images = draw(1, 4);
  made.problem.alignment = alignment;
  for (int i = 0; i < buffers; ++i) {
    Buffer b;
    b.name = "b" + std::to_string(i);
    made.image_bytes.push_back(draw(0, max_image));
    b.bytes = static_cast<size_t>(made.image_bytes[i] * made.images);
    b.first = draw(0, steps - 1);
    b.last = draw(b.first, steps - 1);
    made.problem.buffers.push_back(b);
  }
  std::vector<bool> used(buffers, false);
  for (int r = 0; r < buffers; ++r) {
    for (int w = 0; w < buffers; ++w) {
      const auto& all = made.problem.buffers;
      if (r == w || all[r].last != all[w].first || draw(0, 2) == 0) continue;
      if (used[r] || used[w]) continue;  // one layer a step reads and writes
      used[r] = used[w] = true;
      made.problem.overlays.push_back(
          {r, w,
           OverlayLead(made.images, made.image_bytes[r], made.image_bytes[w])});
    }
  }
  return made;
}

// Runs the plan on real bytes: every buffer is filled with its own values in
// its first step, image by image, and must still hold them in its last; the
// reader of an overlay is read image by image just before the writer's image.
void Execute(const RandomProblem& made, const MemoryPlan& plan) {
  const auto& buffers = made.problem.buffers;
  std::vector<int> arena(plan.arena_bytes, -1);
  const auto stamp = [](int buffer, size_t byte) {
    return static_cast<int>(byte) * 1000 + buffer;
  };
  const auto check = [&](int i, int image) {
    const int bytes = made.image_bytes[i];
    for (int k = image * bytes; k < (image + 1) * bytes; ++k) {
      ASSERT_EQ(arena[plan.offsets[i] + k], stamp(i, k)) << buffers[i].name;
    }
  };
  int steps = 0;
  for (const Buffer& b : buffers) steps = std::max(steps, b.last + 1);
  for (int step = 0; step < steps; ++step) {
    std::vector<int> reader_of(buffers.size(), -1);
    std::vector<bool> read_late(buffers.size(), false);
    for (const Overlay& o : made.problem.overlays) {
      reader_of[o.writer] = o.reader;
      if (buffers[o.reader].last == step) read_late[o.reader] = true;
    }
    // A life of one step: written, read, gone. Else write all that starts.
    for (size_t i = 0; i < buffers.size(); ++i) {
      if (buffers[i].first != step || reader_of[i] >= 0) continue;
      for (size_t k = 0; k < buffers[i].bytes; ++k) {
        arena[plan.offsets[i] + k] = stamp(static_cast<int>(i), k);
      }
    }
    for (size_t i = 0; i < buffers.size(); ++i) {
      if (buffers[i].first != step || reader_of[i] < 0) continue;
      for (int image = 0; image < made.images; ++image) {
        if (buffers[reader_of[i]].last == step) check(reader_of[i], image);
        const int bytes = made.image_bytes[i];
        for (int k = image * bytes; k < (image + 1) * bytes; ++k) {
          arena[plan.offsets[i] + k] = stamp(static_cast<int>(i), k);
        }
      }
    }
    for (size_t i = 0; i < buffers.size(); ++i) {
      if (buffers[i].last != step || read_late[i]) continue;
      for (int image = 0; image < made.images; ++image) {
        check(static_cast<int>(i), image);
      }
    }
  }
}

TEST(Planner, RandomPlansAreValidAndWithinBounds) {
  std::mt19937 rng(1);
  for (int round = 0; round < 200; ++round) {
    const size_t alignment = size_t{1} << (round % 3 * 3);
    const RandomProblem made =
        MakeRandom(&rng, 1 + round % 40, 1 + round % 25, 200, alignment);
    const MemoryProblem& problem = made.problem;
    ASSERT_EQ(CheckProblem(problem), "");
    size_t padded = 0;
    for (const Buffer& b : problem.buffers) padded += b.bytes + alignment;
    const MemoryPlan best = PlanMemory(problem);
    EXPECT_EQ(CheckPlan(problem, best), "");
    EXPECT_GE(best.arena_bytes, LowerBound(problem));
    EXPECT_LE(best.arena_bytes, padded);
    EXPECT_NO_FATAL_FAILURE(Execute(made, best));
    for (const Heuristic& heuristic : AllHeuristics()) {
      const MemoryPlan plan = PlanWith(problem, heuristic);
      EXPECT_EQ(CheckPlan(problem, plan), "") << plan.heuristic;
      EXPECT_LE(best.arena_bytes, plan.arena_bytes);
      EXPECT_NO_FATAL_FAILURE(Execute(made, plan));
    }
  }
}

// The smallest arena by trying every offset of every buffer.
size_t Exhaustive(const MemoryProblem& problem, MemoryPlan* plan, size_t i,
                  size_t best) {
  if (i == problem.buffers.size()) {
    size_t top = 0;
    for (size_t k = 0; k < i; ++k) {
      top = std::max(top, plan->offsets[k] + problem.buffers[k].bytes);
    }
    return std::min(top, best);
  }
  MemoryProblem part = problem;
  part.buffers.resize(i + 1);
  part.overlays.clear();
  for (const Overlay& o : problem.overlays) {
    if (std::max(o.reader, o.writer) <= static_cast<int>(i)) {
      part.overlays.push_back(o);
    }
  }
  MemoryPlan partial;
  partial.arena_bytes = 1000;
  partial.offsets.assign(plan->offsets.begin(), plan->offsets.begin() + i + 1);
  for (size_t at = 0; at + problem.buffers[i].bytes < best; ++at) {
    partial.offsets[i] = at;
    if (!CheckPlan(part, partial).empty()) continue;
    plan->offsets[i] = at;
    best = Exhaustive(problem, plan, i + 1, best);
  }
  return best;
}

TEST(Planner, LowerBoundNeverExceedsTheOptimumAndPlansComeClose) {
  std::mt19937 rng(2);
  size_t sum_best = 0;
  size_t sum_optimal = 0;
  for (int round = 0; round < 80; ++round) {
    const MemoryProblem problem = MakeRandom(&rng, 4, 4, 3, 1).problem;
    const MemoryPlan best = PlanMemory(problem);
    MemoryPlan scratch;
    scratch.offsets.resize(problem.buffers.size());
    const size_t optimal =
        Exhaustive(problem, &scratch, 0, best.arena_bytes + 1);
    EXPECT_LE(LowerBound(problem), optimal);
    EXPECT_GE(best.arena_bytes, optimal);
    sum_best += best.arena_bytes;
    sum_optimal += optimal;
  }
  EXPECT_LE(sum_best, sum_optimal * 1.02);
}

TEST(Planner, LeadIsTheLeastSafeOne) {
  // By brute force over small batches: image n is read before it is written.
  for (int images = 1; images <= 5; ++images) {
    for (int read = 0; read <= 6; ++read) {
      for (int write = 0; write <= 6; ++write) {
        for (int shift = -40; shift <= 40; ++shift) {
          bool safe = true;
          for (int n = 0; n < images; ++n) {
            for (int m = n + 1; m < images; ++m) {
              const int w = n * write, r = shift + m * read;
              safe =
                  safe && (w + write <= r || r + read <= w || !read || !write);
            }
          }
          const bool apart = shift >= images * write ||
                             -shift >= images * read || !read || !write;
          if (shift >= OverlayLead(images, read, write) || apart) {
            EXPECT_TRUE(safe)
                << images << " " << read << " " << write << " " << shift;
          }
        }
        if (images > 1 && read > 0 && write > 0) {
          const int lead = static_cast<int>(OverlayLead(images, read, write));
          bool tight = false;  // one byte less breaks some image
          for (int n = 0; n < images; ++n) {
            for (int m = n + 1; m < images; ++m) {
              const int w = n * write, r = lead - 1 + m * read;
              tight = tight || !(w + write <= r || r + read <= w);
            }
          }
          EXPECT_TRUE(tight) << images << " " << read << " " << write;
        }
      }
    }
  }
}

TEST(Planner, EqualImagesAreWrittenInPlace) {
  MemoryProblem problem;
  problem.buffers = {{"in", 800, 0, 1}, {"out", 800, 1, 2}};
  problem.overlays = {{0, 1, OverlayLead(8, 100, 100)}};
  problem.alignment = 4;
  EXPECT_EQ(PlanMemory(problem).arena_bytes, 800u);
  EXPECT_EQ(LowerBound(problem), 800u);
  problem.overlays.clear();
  EXPECT_EQ(PlanMemory(problem).arena_bytes, 1600u);
}

TEST(Planner, ComesCloseToTheBoundOnAForwardAndBackwardChain) {
  // Activations wait for their backward step; gradients live for two steps.
  MemoryProblem problem;
  const int layers = 30;
  for (int i = 0; i < layers; ++i) {
    const size_t bytes = size_t{6400} * (layers - i);
    const int backward = 2 * layers - 1 - i;
    problem.buffers.push_back({"data", bytes, i, backward - 1});
    problem.buffers.push_back({"diff", bytes, backward - 1, backward});
  }
  EXPECT_LE(PlanMemory(problem).arena_bytes, LowerBound(problem) * 1.01);
  EXPECT_GT(RawBytes(problem), LowerBound(problem) * 1.9);
}

TEST(Planner, IsDeterministic) {
  std::mt19937 rng(3);
  const MemoryProblem problem = MakeRandom(&rng, 60, 40, 500, 64).problem;
  const MemoryPlan a = PlanMemory(problem);
  const MemoryPlan b = PlanMemory(problem);
  EXPECT_EQ(a.offsets, b.offsets);
  EXPECT_EQ(a.heuristic, b.heuristic);
}

TEST(Planner, EmptyProblem) {
  const MemoryPlan plan = PlanMemory(MemoryProblem());
  EXPECT_EQ(plan.arena_bytes, 0u);
  EXPECT_EQ(LowerBound(MemoryProblem()), 0u);
}

TEST(PlanCheck, FindsEveryKindOfFault) {
  MemoryProblem problem;
  problem.buffers = {{"a", 64, 0, 2}, {"b", 64, 2, 3}, {"c", 64, 3, 4}};
  MemoryPlan plan;
  plan.offsets = {0, 64, 0};
  plan.arena_bytes = 128;
  EXPECT_EQ(CheckPlan(problem, plan), "");
  plan.offsets = {0, 0, 64};
  EXPECT_EQ(CheckPlan(problem, plan),
            "a and b live at the same time and share bytes");
  problem.overlays = {{0, 1, 0}};
  EXPECT_EQ(CheckPlan(problem, plan), "");
  problem.overlays = {{0, 1, 64}};
  EXPECT_NE(CheckPlan(problem, plan), "");
  problem.overlays.clear();
  plan.offsets = {0, 68, 0};
  EXPECT_EQ(CheckPlan(problem, plan), "b at 68 is not aligned");
  plan.offsets = {0, 128, 0};
  EXPECT_EQ(CheckPlan(problem, plan), "b ends outside the arena");
  plan.offsets = {0};
  EXPECT_EQ(CheckPlan(problem, plan), "3 buffers, 1 offsets");
  problem.buffers[0].last = -1;
  EXPECT_NE(CheckProblem(problem), "");
  problem.buffers[0].last = 1;
  problem.overlays = {{0, 1, 0}};
  EXPECT_NE(CheckProblem(problem), "");  // they never meet
}

TEST(PlanCheck, CatchesDamagedPlans) {
  // A plan that is one alignment step smaller, or moved, must be refused when
  // running it would go wrong.
  std::mt19937 rng(4);
  int caught = 0;
  for (int round = 0; round < 300; ++round) {
    const RandomProblem made = MakeRandom(&rng, 12, 8, 20, 1);
    MemoryPlan plan = PlanMemory(made.problem);
    const int victim = std::uniform_int_distribution<int>(0, 11)(rng);
    plan.offsets[victim] += std::uniform_int_distribution<int>(1, 30)(rng);
    plan.arena_bytes += 200;
    if (CheckPlan(made.problem, plan).empty()) {
      EXPECT_NO_FATAL_FAILURE(Execute(made, plan));
    } else {
      ++caught;
    }
  }
  EXPECT_GT(caught, 50);
}

// The lifetimes of all shipped nets (batch 8), kept by `plan_memory -net`.
TEST(Planner, ShippedNetsComeCloseToTheirBounds) {
  int problems = 0;
  for (const auto& entry : std::filesystem::directory_iterator(
           TEST_SOURCE_DIR "/memory/problems")) {
    SCOPED_TRACE(entry.path().string());
    const MemoryProblem problem = ReadProblemFile(entry.path().string());
    const MemoryPlan plan = PlanMemory(problem);
    EXPECT_EQ(CheckPlan(problem, plan), "");
    EXPECT_LE(plan.arena_bytes, LowerBound(problem) * 1.01);
    ++problems;
  }
  EXPECT_EQ(problems, 20);
}

TEST(ProblemFile, RoundTrip) {
  std::mt19937 rng(5);
  for (int round = 0; round < 20; ++round) {
    MemoryProblem problem = MakeRandom(&rng, 20, 10, 300, 16).problem;
    problem.buffers[0].name = "conv1/7x7_s2 data";
    std::ostringstream first;
    WriteProblem(problem, first);
    std::istringstream in(first.str());
    std::ostringstream second;
    WriteProblem(ReadProblem(in, "memory"), second);
    EXPECT_EQ(first.str(), second.str());
  }
}

TEST(ProblemFile, ErrorsNameTheLine) {
  const auto error = [](const std::string& text) -> std::string {
    std::istringstream in(text);
    try {
      ReadProblem(in, "x.txt");
    } catch (const UserError& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(error("# nothing\n\nalignment 64\nbuffer 4 0 1 a b # c\n"), "");
  EXPECT_EQ(error("buffer 4 0\n"),
            "x.txt:1: expected: buffer <bytes> <first step> <last step> "
            "<name>");
  EXPECT_EQ(error("\nbuffer -4 0 1 a\n").substr(0, 8), "x.txt:2:");
  EXPECT_EQ(error("blob 4\n").substr(0, 8), "x.txt:1:");
  EXPECT_EQ(error("overlay 0 1 0 7\n"),
            "x.txt:1: unexpected '7' at the end of the line");
  EXPECT_EQ(error("overlay 0 1 0\n"),
            "x.txt: overlay of buffers 0 and 1, but there are 0");
  EXPECT_THROW(ReadProblemFile("/no/such/file"), UserError);
}

}  // namespace
}  // namespace two_stream
