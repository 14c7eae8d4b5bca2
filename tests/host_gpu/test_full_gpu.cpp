#include <gtest/gtest.h>

#include <thread>

#include "caffe/common.hpp"
#include "caffe_ext/common/error.hpp"
#include "caffe_ext/cudnn/context.hpp"
#include "caffe_ext/cudnn/convolution_layer.hpp"
#include "caffe_ext/cudnn/settings.hpp"
#include "tests/host_gpu/host_gpu.hpp"

namespace two_stream {
namespace {

class FullGpu : public testing::Test {
 protected:
  void TearDown() override {
    HostGpu::Get() = HostGpu();
    CudnnSettings::Get() = CudnnSettings();
  }

  // One forward pass on a thread of its own, whose workspace is empty. Returns
  // the workspace's size after it.
  static size_t Run(int num, std::string* error = nullptr, int device = 0) {
    size_t workspace = 0;
    std::thread rank([&] {
      ASSERT_EQ(cudaSuccess, cudaSetDevice(device));
      caffe::Caffe::set_mode(caffe::Caffe::GPU);
      caffe::LayerParameter param;
      param.mutable_convolution_param()->set_num_output(2);
      param.mutable_convolution_param()->add_kernel_size(3);
      caffe::Blob<float> in(num, 3, 8, 8), out;
      in.mutable_cpu_data();
      CudnnConvolutionLayer<float> layer(param);
      layer.SetUp({&in}, {&out});
      try {
        layer.Forward({&in}, {&out});
      } catch (const UserError& e) {
        ASSERT_NE(error, nullptr) << e.what();
        *error = e.what();
      }
      workspace = CudnnContext::Current().workspace().size();
    });
    rank.join();
    return workspace;
  }
};

TEST_F(FullGpu, LessWorkspaceIsTaken) {
  CudnnSettings::Get().workspace_limit = 64 << 10;
  for (bool repeatable : {false, true}) {
    CudnnSettings::Get().repeatable = repeatable;
    HostGpu::Get().memory = SIZE_MAX;
    EXPECT_GT(Run(5), size_t{4} << 10);
    // The blobs of a batch of 6 take 6.5 KB.
    HostGpu::Get().memory = TakenMemory() + (8 << 10);
    EXPECT_EQ(Run(6), 0u);
  }
}

// Ranks must get the same bits of what they all compute. By itself device 1
// measures another order.
TEST_F(FullGpu, DevicesOfAModelTakeTheSameAlgorithm) {
  CudnnSettings::Get().workspace_limit = 64 << 10;
  const size_t workspace = Run(8);
  EXPECT_GT(workspace, 0u);
  EXPECT_EQ(Run(8, nullptr, 1), workspace);
  EXPECT_EQ(Run(9, nullptr, 1), 0u);
  EXPECT_EQ(Run(9), 0u);
}

TEST_F(FullGpu, NoAlgorithmWithinRichnessSaysWhatToDo) {
  CudnnSettings::Get().workspace_limit = 0;
  HostGpu::Get().without_workspace = false;
  std::string error;
  EXPECT_EQ(Run(7, &error), 0u);
  EXPECT_NE(error.find("forward pass of 7x3x8x8 -> 2x6x6, kernel 3x3"),
            std::string::npos)
      << error;
  EXPECT_NE(error.find("raise richness"), std::string::npos) << error;
  EXPECT_EQ(error.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace two_stream
