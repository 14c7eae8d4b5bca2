// Runs under mpirun (tests/parallel/test_mpi_ranks.py starts it with several
// numbers of ranks); alone it is a world of one rank.
#include <gtest/gtest.h>

#include <memory>

#include "caffe_ext/parallel/process_world.hpp"
#include "tests/parallel/conformance.hpp"

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
  if (communicator->size() > 3) GTEST_SKIP() << "takes long";
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

TEST_F(MpiRanks, RefuseUnequalLengths) {
  auto communicator = World()->MakeCommunicator();
  if (communicator->size() != 2) GTEST_SKIP() << "for two ranks";
  communicator->set_timeout(20);
  std::vector<double> data(8);
  EXPECT_THROW(
      communicator->AllReduce(data.data(), communicator->rank() == 0 ? 8 : 7),
      CommunicatorError);
}

TEST_F(MpiRanks, KnowTheirHosts) {
  ASSERT_EQ(World()->size(), static_cast<int>(World()->hosts().size()));
  EXPECT_FALSE(World()->hosts()[World()->rank()].empty());
  EXPECT_LE(World()->local_size(), World()->size());
  EXPECT_LT(World()->local_rank(), World()->local_size());
}

}  // namespace
}  // namespace two_stream
