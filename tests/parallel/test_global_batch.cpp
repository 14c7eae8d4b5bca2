#include <cblas.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "caffe/solver_factory.hpp"
#include "caffe_ext/common/error.hpp"
#include "caffe_ext/parallel/global_batch.hpp"
#include "caffe_ext/parallel/launch.hpp"
#include "tests/parallel/rank_runs.hpp"

namespace two_stream {
namespace {

caffe::SolverParameter Solver(const std::string& text) {
  caffe::SolverParameter solver;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &solver));
  return solver;
}

std::string Refusal(const std::string& solver, int batch, int ranks) {
  try {
    PlanBatch(Solver(solver), batch, ranks);
  } catch (const UserError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(GlobalBatch, DerivesIterSize) {
  const BatchPlan plan = PlanBatch(Solver("global_batch_size: 256"), 16, 4);
  EXPECT_EQ(4, plan.iter_size);
  EXPECT_EQ("global batch 256 = 4 ranks x 16 x iter_size 4", plan.ToString());
  for (int ranks : {1, 2, 4, 8, 16}) {
    EXPECT_EQ(256,
              PlanBatch(Solver("global_batch_size: 256"), 16, ranks).global());
  }
}

TEST(GlobalBatch, KeepsCaffesMeaningWithoutIt) {
  EXPECT_EQ("global batch 60 = 2 ranks x 10 x iter_size 3",
            PlanBatch(Solver("iter_size: 3"), 10, 2).ToString());
  EXPECT_EQ("global batch 10 = 1 rank x 10 x iter_size 1",
            PlanBatch(Solver(""), 10, 1).ToString());
  EXPECT_EQ(
      "global batch unknown: no data layer tells its batch size (2 ranks, "
      "iter_size 1)",
      PlanBatch(Solver(""), 0, 2).ToString());
}

TEST(GlobalBatch, RefusesWithNumbersThatWork) {
  EXPECT_EQ(
      "global_batch_size 256 is no multiple of 4 ranks x batch_size 24 = 96; "
      "workable: global_batch_size 192 or 288, or batch_size 16",
      Refusal("global_batch_size: 256", 24, 4));
  EXPECT_EQ(
      "global_batch_size 256 is no multiple of 3 ranks x batch_size 16 = 48; "
      "workable: global_batch_size 240 or 288, or 2 ranks",
      Refusal("global_batch_size: 256", 16, 3));
  EXPECT_EQ(
      "global_batch_size 8 is no multiple of 1 rank x batch_size 16 = 16; "
      "workable: global_batch_size 16, or batch_size 8",
      Refusal("global_batch_size: 8", 16, 1));
}

// Every number that a refusal proposes is accepted.
TEST(GlobalBatch, ProposesWhatItAccepts) {
  int refused = 0;
  for (int global = 1; global <= 60; ++global) {
    for (int ranks = 1; ranks <= 5; ++ranks) {
      for (int batch = 1; batch <= 9; ++batch) {
        const std::string solver = "global_batch_size: ";
        const std::string text =
            Refusal(solver + std::to_string(global), batch, ranks);
        if (text == "accepted") {
          EXPECT_EQ(0, global % (batch * ranks));
          continue;
        }
        ++refused;
        const size_t size = text.find("workable: global_batch_size ") + 28;
        EXPECT_EQ("accepted",
                  Refusal(solver + std::to_string(std::stoi(text.substr(size))),
                          batch, ranks));
        const size_t last = text.rfind(", or ");
        if (last != std::string::npos &&
            text.find("rank", last) != std::string::npos) {
          EXPECT_EQ("accepted", Refusal(solver + std::to_string(global), batch,
                                        std::stoi(text.substr(last + 5))))
              << text;
        }
        const size_t other = text.find("or batch_size ");
        if (other != std::string::npos) {
          EXPECT_EQ("accepted",
                    Refusal(solver + std::to_string(global),
                            std::stoi(text.substr(other + 14)), ranks));
        }
      }
    }
  }
  EXPECT_GT(refused, 100);
}

// Made by pycaffe or by the runner, which has derived it already.
TEST(GlobalBatch, IsKeptByEverySolver) {
  NetOptions net;
  net.batch = 4;
  for (int ranks : {1, 2}) {
    RunRanks(ranks, [&](Communicator* communicator) {
      for (const char* lines : {"", "iter_size: 6 "}) {
        if (ranks == 2 && *lines) continue;
        const std::unique_ptr<caffe::Solver<float>> solver(
            caffe::SolverRegistry<float>::CreateSolver(
                SolverFor(net, std::string(lines) + "global_batch_size: 24")));
        EXPECT_EQ(6 / ranks, solver->param().iter_size());
      }
    });
  }
  RunRanks(1, [&](Communicator*) {
    EXPECT_THROW(caffe::SolverRegistry<float>::CreateSolver(
                     SolverFor(net, "global_batch_size: 25")),
                 UserError);
  });
}

TEST(GlobalBatch, RefusesContradictions) {
  EXPECT_EQ(
      "iter_size 2 contradicts global_batch_size: global batch 32 = 2 ranks x "
      "4 x iter_size 4; leave iter_size out",
      Refusal("global_batch_size: 32 iter_size: 2", 4, 2));
  EXPECT_EQ("accepted", Refusal("global_batch_size: 32 iter_size: 4", 4, 2));
  EXPECT_NE("accepted", Refusal("global_batch_size: 32", 0, 2));
  EXPECT_NE("accepted", Refusal("global_batch_size: 0", 4, 2));
}

TEST(Launch, PicksTheDeviceByTheRankOnItsHost) {
  EXPECT_EQ(-1, PickDevice({}, 3, 4));
  EXPECT_EQ(3, PickDevice({0, 1, 2, 3}, 3, 4));
  EXPECT_EQ(0, PickDevice({0, 1, 2, 3}, 0, 2));
  EXPECT_EQ(5, PickDevice({5, 5}, 1, 2));
  EXPECT_THROW(PickDevice({0}, 0, 4), UserError);  // all on GPU 0
}

TEST(Launch, MakesARankOfEachWorkerOrDevice) {
  const Launch workers = PlanLaunch({{}, 3}, {});
  EXPECT_EQ(3, workers.world);
  EXPECT_EQ(2, workers.ranks[2].rank);
  EXPECT_EQ(-1, workers.ranks[2].device);
  const Launch devices = PlanLaunch({{0, 2}, 0}, {});
  EXPECT_EQ(2, devices.world);
  EXPECT_EQ(2, devices.ranks[1].device);
  EXPECT_EQ(1, PlanLaunch({{}, 0}, {}).world);
  EXPECT_THROW(PlanLaunch({{0}, 2}, {}), UserError);
  EXPECT_THROW(PlanLaunch({{}, -1}, {}), UserError);
}

TEST(Launch, DividesTheCoresAmongTheRanks) {
  const int cores = std::max(1u, std::thread::hardware_concurrency());
  EXPECT_EQ(cores, PlanLaunch({{}, 0}, {}).cores);
  EXPECT_EQ(std::max(1, cores / 2), PlanLaunch({{}, 2}, {}).cores);
  EXPECT_EQ(1, PlanLaunch({{}, 2 * cores}, {}).cores);
}

TEST(Launch, SetsBlasThreadsUnlessTheUserHas) {
  const char* const kVariables[] = {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"};
  std::map<std::string, std::string> before;
  for (const char* variable : kVariables) {
    if (const char* value = std::getenv(variable)) before[variable] = value;
    unsetenv(variable);
  }
  const int threads = openblas_get_num_threads();
  EXPECT_EQ(1, SetBlasThreads(1));
  EXPECT_EQ(1, openblas_get_num_threads());
  EXPECT_EQ(2, SetBlasThreads(2));
  EXPECT_EQ(2, openblas_get_num_threads());
  setenv("OMP_NUM_THREADS", "3", 1);
  EXPECT_EQ(3, SetBlasThreads(1));
  EXPECT_EQ(2, openblas_get_num_threads());
  openblas_set_num_threads(threads);
  unsetenv("OMP_NUM_THREADS");
  for (const auto& [variable, value] : before) {
    setenv(variable.c_str(), value.c_str(), 1);
  }
}

}  // namespace
}  // namespace two_stream
