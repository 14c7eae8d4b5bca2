// Ranks stay alike though each normalises its own batch.
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/parallel/rank_runs.hpp"

namespace two_stream {
namespace {

// The small net with a layer of this type behind conv1, in place, and rate 0:
// the samples alone count. Its blobs are parameters 2 and up.
caffe::SolverParameter Solver(const std::string& layer, int batch,
                              float rate = 0) {
  NetOptions options;
  options.batch = batch;
  caffe::SolverParameter solver = SolverFor(options, "iter_size: 2");
  solver.set_base_lr(rate);
  auto* layers = solver.mutable_net_param()->mutable_layer();
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "name: \"norm\" bottom: \"conv1\" top: \"conv1\" " + layer,
      layers->Add()));
  for (int i = layers->size() - 1; i > 2; --i) layers->SwapElements(i, i - 1);
  return solver;
}

TEST(BatchStatisticsTest, RanksStayAlikeWhileTheyLearn) {
  for (const char* layer :
       {"type: \"BN\"", "type: \"BatchNorm\"",
        "type: \"BN\" bn_param { frozen: true }",
        "type: \"BatchNorm\" batch_norm_param { use_global_stats: true }"}) {
    // Compares the ranks' bits after each step.
    TrainedParams<float>(Solver(layer, 4, 0.1), 3, 4);
  }
}

TEST(BatchStatisticsTest, MeanCountsEverySample) {
  for (int ranks : {2, 4}) {
    const auto alone =
        TrainedParams<double>(Solver("type: \"BN\"", 4 * ranks), 1, 3);
    const auto together =
        TrainedParams<double>(Solver("type: \"BN\"", 4), ranks, 3);
    ASSERT_EQ(4, alone[4].size());  // the moving mean of conv1's channels
    for (int c = 0; c < 4; ++c) {
      EXPECT_NE(0, alone[4][c]);
      EXPECT_NEAR(alone[4][c], together[4][c], 1e-12);
      // The variance within the ranks' batches: not more than that of all.
      EXPECT_LE(together[5][c], alone[5][c]);
      EXPECT_GT(together[5][c], 0.5 * alone[5][c]);
    }
  }
}

}  // namespace
}  // namespace two_stream
