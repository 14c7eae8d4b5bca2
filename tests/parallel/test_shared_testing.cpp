#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "caffe_ext/parallel/shared_testing.hpp"
#include "tests/parallel/rank_runs.hpp"
#include "tests/parallel/sample_layer.hpp"

namespace two_stream {
namespace {

// What the tests of a net gave, and where its data layer stood after each.
struct Tests {
  std::vector<std::vector<double>> results;
  std::vector<uint64_t> cursors;
};

// Two tests of 7 iterations; the first is given up after `rounds` rounds, if
// that is not negative.
Tests RunTests(int ranks, int rounds) {
  std::map<int, Tests> by_rank;
  for (int rank = 0; rank < ranks; ++rank) by_rank[rank];
  RunRanks(ranks, [&](Communicator* communicator) {
    NetOptions options;
    options.gather = true;
    caffe::NetParameter param;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(NetText(options),
                                                              &param));
    param.mutable_state()->set_phase(caffe::TEST);
    caffe::Caffe::set_random_seed(3);  // the same weights on all ranks
    caffe::Net<double> net(param);
    const auto* data = dynamic_cast<DataCursor*>(net.layers()[0].get());
    Tests& tests = by_rank.at(communicator->rank());
    for (int left : {rounds, -1}) {
      const auto interrupted = [&left] { return left-- == 0; };
      tests.results.push_back(TestShared(7, &net, communicator, interrupted));
      tests.cursors.push_back(data->data_cursor());
    }
  });
  for (const auto& [rank, tests] : by_rank) {
    EXPECT_EQ(by_rank[0].results, tests.results) << rank;
    EXPECT_EQ(by_rank[0].cursors, tests.cursors) << rank;
  }
  return by_rank[0];
}

TEST(SharedTesting, GivesAnyNumberOfRanksTheSameResult) {
  const Tests alone = RunTests(1, -1);
  ASSERT_EQ(3, alone.results[0].size());  // loss; loss and accuracy
  EXPECT_NE(alone.results[0], alone.results[1]);
  EXPECT_EQ((std::vector<uint64_t>{28, 56}), alone.cursors);
  for (int ranks : {2, 3, 4, 8}) {  // 8: one has nothing to do
    const Tests shared = RunTests(ranks, -1);
    EXPECT_EQ(alone.cursors, shared.cursors);
    for (int test : {0, 1}) {
      for (int i = 0; i < 3; ++i) {
        EXPECT_NEAR(alone.results[test][i], shared.results[test][i], 1e-14);
      }
    }
  }
}

TEST(SharedTesting, GoesOnWithTheSameSamplesAfterAnInterruption) {
  const Tests whole = RunTests(2, -1);
  const Tests cut = RunTests(2, 2);
  EXPECT_TRUE(cut.results[0].empty());
  EXPECT_EQ(whole.cursors, cut.cursors);
  EXPECT_EQ(whole.results[1], cut.results[1]);
}

}  // namespace
}  // namespace two_stream
