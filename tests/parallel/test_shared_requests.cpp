#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "caffe_ext/parallel/shared_requests.hpp"
#include "tests/parallel/rank_runs.hpp"

namespace two_stream {
namespace {

namespace SolverAction = caffe::SolverAction;

// What two ranks do at each step, when signals ("h" for SIGHUP, "i" for SIGINT)
// reach them before it: "s" for a snapshot, "x" for the end, "-" for neither.
std::string Actions(const std::vector<std::string>& signals_of_0,
                    const std::vector<std::string>& signals_of_1) {
  std::string actions[2];
  RunRanks(2, [&](Communicator* communicator) {
    const int rank = communicator->rank();
    std::string pending;
    SharedRequests requests([&pending]() -> SolverAction::Enum {
      if (pending.empty()) return SolverAction::NONE;
      const char signal = pending.back();
      pending.pop_back();
      return signal == 'h' ? SolverAction::SNAPSHOT : SolverAction::STOP;
    });
    for (const std::string& signals : rank == 0 ? signals_of_0 : signals_of_1) {
      pending += signals;
      const SharedRequests::Requests found = requests.Take(communicator);
      std::string action = found.snapshot ? "s" : "";
      if (found.stop) action += "x";
      actions[rank] += action.empty() ? "-" : action;
    }
  });
  EXPECT_EQ(actions[0], actions[1]);
  return actions[0];
}

TEST(SharedRequests, ActOnAllRanksOnce) {
  EXPECT_EQ("-s-", Actions({"", "h", ""}, {"", "", ""}));
  EXPECT_EQ("-s-", Actions({"", "h", ""}, {"", "h", ""}));
  EXPECT_EQ("x", Actions({""}, {"i"}));
  EXPECT_EQ("sx", Actions({"h"}, {"i"}));
}

TEST(SharedRequests, KnowASignalThatReachesTheOtherRankSomeStepsLater) {
  EXPECT_EQ("s-----",
            Actions({"h", "", "", "", "", ""}, {"", "", "", "h", "", ""}));
  // Another one is another one.
  EXPECT_EQ("s-s---",
            Actions({"h", "", "h", "", "", ""}, {"", "h", "", "", "h", ""}));
  EXPECT_EQ("s--s", Actions({"h", "", "", "h"}, {"h", "", "", "h"}));
}

}  // namespace
}  // namespace two_stream
