#include <gtest/gtest.h>

#include "caffe_ext/cudnn/settings.hpp"

namespace two_stream {
namespace {

TEST(CudnnSettings, RichnessIsTheWorkspaceInMegabytes) {
  caffe::SolverParameter solver;
  EXPECT_EQ(CudnnSettings::From(solver).workspace_limit, 300u * 1024 * 1024);
  solver.set_richness(5000);  // more than 32 bits of bytes
  EXPECT_EQ(CudnnSettings::From(solver).workspace_limit, 5242880000u);
  solver.set_richness(0);
  EXPECT_EQ(CudnnSettings::From(solver).workspace_limit, 0u);
  solver.set_richness(-1);
  EXPECT_EQ(CudnnSettings::From(solver).workspace_limit, 0u);
}

TEST(CudnnSettings, ASeedAsksForTheSameAlgorithmsInEveryRun) {
  caffe::SolverParameter solver;
  EXPECT_FALSE(CudnnSettings::From(solver).repeatable);
  solver.set_random_seed(0);
  EXPECT_TRUE(CudnnSettings::From(solver).repeatable);
}

}  // namespace
}  // namespace two_stream
