// Runs under mpirun (tests/parallel/test_mpi_ranks.py starts it with several
// numbers of ranks); alone it is a world of one rank.
#include <gtest/gtest.h>

#include <memory>

#include "caffe_ext/parallel/process_world.hpp"
#include "tests/parallel/conformance.hpp"
#include "tests/parallel/rank_runs.hpp"

namespace two_stream {
namespace {

// MPI can be joined once a process only; left when the tests are over.
std::shared_ptr<ProcessWorld>& World() {
  static std::shared_ptr<ProcessWorld> world;
  return world;
}

class MpiRanks : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!World()) World() = JoinProcessWorld();
  }
  void SetUp() override {
    if (!World()) GTEST_SKIP() << "built without MPI";
  }
};

TEST_F(MpiRanks, Conform) {
  auto communicator = World()->MakeCommunicator();
  communicator->set_timeout(60);
  CheckConformance(communicator.get(), 1);
}

TEST_F(MpiRanks, CutLongMessagesInSegments) {
  auto communicator = World()->MakeCommunicator();
  communicator->set_timeout(60);
  Conformance suite(communicator.get(), 5);
  if (communicator->size() > 4) GTEST_SKIP() << "takes long";
  suite.CheckAll<double>(600011);
}

TEST_F(MpiRanks, SumInRankOrder) {
  auto communicator = World()->MakeCommunicator();
  for (size_t count : {3, 100000}) {
    std::vector<float> sum(count), data(count);
    for (int r = 0; r < communicator->size(); ++r) {
      std::mt19937 generator(r);
      std::normal_distribution<float> normal;
      for (size_t i = 0; i < count; ++i) {
        const float value = normal(generator);
        sum[i] = r == 0 ? value : sum[i] + value;
        if (r == communicator->rank()) data[i] = value;
      }
    }
    communicator->AllReduce(data.data(), count);
    EXPECT_TRUE(sum == data);
  }
}

TEST_F(MpiRanks, NameALateRankInEveryCollective) {
  if (World()->size() == 1) GTEST_SKIP() << "nobody to wait for";
  if (World()->size() > 4) GTEST_SKIP() << "too many for few cores";
  CheckTimeouts(World()->rank(), World()->size(),
                [] { return World()->MakeCommunicator(); });
}

// Some of those that are missing may only be waiting for another.
TEST_F(MpiRanks, BlameNobodyWhereSeveralAreMissing) {
  auto communicator = World()->MakeCommunicator();
  if (communicator->size() != 3) GTEST_SKIP() << "for three ranks";
  communicator->Barrier();
  if (communicator->rank() > 0) return;
  communicator->set_timeout(0.5);
  try {
    communicator->Barrier();
    ADD_FAILURE() << "nobody was missed";
  } catch (const CommunicatorError& error) {
    EXPECT_EQ(-1, error.blame());
    const std::string text = error.what();
    EXPECT_NE(std::string::npos, text.find("no word from rank 1 (")) << text;
    EXPECT_NE(std::string::npos, text.find(") 2 (")) << text;
  }
}

TEST_F(MpiRanks, RefuseUnequalLengths) {
  auto communicator = World()->MakeCommunicator();
  if (communicator->size() != 2) GTEST_SKIP() << "for two ranks";
  communicator->set_timeout(20);
  std::vector<double> data(8);
  EXPECT_THROW(
      communicator->AllReduce(data.data(), communicator->rank() == 0 ? 8 : 7),
      CommunicatorError);
}

template <typename Dtype>
void ExpectSameAsOneRank(const NetOptions& each, const std::string& lines,
                         double tolerance) {
  NetOptions whole = each;
  whole.batch *= World()->size();
  const auto alone = TrainedParams<Dtype>(SolverFor(whole, lines), 1, 5);
  auto communicator = World()->MakeCommunicator();
  communicator->set_timeout(60);
  AsRank(communicator.get(), [&] {
    const auto together = TrainedOnThisRank<Dtype>(SolverFor(each, lines), 5,
                                                   512, communicator.get());
    EXPECT_LT(RelativeError(together, alone), tolerance);
  });
}

TEST_F(MpiRanks, TrainAsOneRankDoes) {
  for (bool gather : {false, true}) {
    NetOptions net;
    net.gather = gather;
    net.dropout = 0.5;
    net.share_conv = true;
    const std::string lines =
        "iter_size: 2 weight_decay: 0.01 clip_gradients: 0.1";
    ExpectSameAsOneRank<float>(net, lines, 1e-5);
    ExpectSameAsOneRank<double>(net, lines, 1e-11);
  }
}

TEST_F(MpiRanks, KnowTheirHosts) {
  ASSERT_EQ(World()->size(), static_cast<int>(World()->hosts().size()));
  EXPECT_FALSE(World()->hosts()[World()->rank()].empty());
  EXPECT_LE(World()->local_size(), World()->size());
  EXPECT_LT(World()->local_rank(), World()->local_size());
}

}  // namespace
}  // namespace two_stream
