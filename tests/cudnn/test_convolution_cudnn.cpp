// The cuDNN convolution against Caffe's on the CPU, on random shapes and data.
// On a machine without a GPU these run in host_gpu_tests alone.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "caffe/common.hpp"
#include "caffe/layers/conv_layer.hpp"
#include "caffe_ext/common/device.hpp"
#include "caffe_ext/common/error.hpp"
#include "caffe_ext/cudnn/context.hpp"
#include "caffe_ext/cudnn/convolution_layer.hpp"
#include "caffe_ext/cudnn/settings.hpp"

namespace two_stream {
namespace {

using caffe::Blob;
using caffe::Caffe;

template <typename Dtype>
class CudnnConvolutionTest : public testing::Test {
 protected:
  using Net = std::vector<Blob<Dtype>*>;

  void SetUp() override {
    if (!HasDevices()) GTEST_SKIP() << "no GPU";
    CudnnSettings::Get().workspace_limit = 64 << 10;
  }
  void TearDown() override {
    CudnnSettings::Get() = CudnnSettings();
    Caffe::set_mode(Caffe::CPU);
  }

  int Draw(int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random_);
  }
  void Fill(int count, Dtype* values) {
    std::normal_distribution<Dtype> normal;
    for (int i = 0; i < count; ++i) values[i] = normal(random_);
  }
  void Fill(Blob<Dtype>* blob) {
    Fill(blob->count(), blob->mutable_cpu_data());
    Fill(blob->count(), blob->mutable_cpu_diff());
  }

  caffe::LayerParameter RandomLayer(int* channels) {
    caffe::LayerParameter layer;
    auto* conv = layer.mutable_convolution_param();
    const int group = Draw(1, 3);
    *channels = group * Draw(1, 4);
    conv->set_group(group);
    conv->set_num_output(group * Draw(1, 4));
    conv->set_kernel_h(Draw(1, 3));
    conv->set_kernel_w(Draw(1, 4));
    conv->set_pad_h(Draw(0, 2));
    conv->set_pad_w(Draw(0, 2));
    conv->set_stride_h(Draw(1, 3));
    conv->set_stride_w(Draw(1, 3));
    if (Draw(0, 1)) conv->add_dilation(2);
    conv->set_bias_term(Draw(0, 3) > 0);
    conv->mutable_weight_filler()->set_type("gaussian");
    return layer;
  }

  // All of x's numbers near y's; sums of a few hundred products.
  void ExpectNear(const Blob<Dtype>& x, const Blob<Dtype>& y, bool diff,
                  const std::string& what) {
    ASSERT_EQ(x.shape(), y.shape());
    const Dtype* a = diff ? x.cpu_diff() : x.cpu_data();
    const Dtype* b = diff ? y.cpu_diff() : y.cpu_data();
    const double tolerance = sizeof(Dtype) == 4 ? 1e-4 : 1e-11;
    for (int i = 0; i < x.count(); ++i) {
      ASSERT_NEAR(a[i], b[i], tolerance * std::max(1., std::abs(double(b[i]))))
          << what << ", number " << i;
    }
  }

  // Runs both layers forward and backward on the same numbers and compares all
  // that they write. Parameter gradients start from what is in them.
  void Compare(const caffe::LayerParameter& param, std::vector<int> shape,
               const std::vector<bool>& propagate, bool learn_weights) {
    Blob<Dtype> in(shape), in2(shape), out, out2;
    Fill(&in);
    Fill(&in2);
    Blob<Dtype> in_ref, in2_ref, out_ref, out2_ref;
    in_ref.CopyFrom(in, false, true);
    in_ref.CopyFrom(in, true, true);
    in2_ref.CopyFrom(in2, false, true);
    in2_ref.CopyFrom(in2, true, true);
    const Net bottom{&in, &in2}, top{&out, &out2};
    const Net bottom_ref{&in_ref, &in2_ref}, top_ref{&out_ref, &out2_ref};

    Caffe::set_mode(Caffe::CPU);
    caffe::ConvolutionLayer<Dtype> reference(param);
    reference.SetUp(bottom_ref, top_ref);
    for (auto& blob : reference.blobs()) Fill(blob.get());
    Caffe::set_mode(Caffe::GPU);
    CudnnConvolutionLayer<Dtype> layer(param);
    layer.SetUp(bottom, top);
    for (size_t i = 0; i < layer.blobs().size(); ++i) {
      layer.blobs()[i]->CopyFrom(*reference.blobs()[i], false);
      layer.blobs()[i]->CopyFrom(*reference.blobs()[i], true);
    }
    reference.set_param_propagate_down(0, learn_weights);
    layer.set_param_propagate_down(0, learn_weights);

    for (int pass = 0; pass < 2; ++pass) {  // measured, then kept
      Caffe::set_mode(Caffe::CPU);
      reference.Forward(bottom_ref, top_ref);
      Caffe::set_mode(Caffe::GPU);
      layer.Forward(bottom, top);
      ExpectNear(out, out_ref, false, "top 0");
      ExpectNear(out2, out2_ref, false, "top 1");

      for (size_t i = 0; i < top.size(); ++i) {
        Fill(top[i]->count(), top[i]->mutable_cpu_diff());
        top_ref[i]->CopyFrom(*top[i], true);
      }
      layer.Backward(top, propagate, bottom);
      Caffe::set_mode(Caffe::CPU);
      reference.Backward(top_ref, propagate, bottom_ref);
      for (size_t i = 0; i < layer.blobs().size(); ++i) {
        ExpectNear(*layer.blobs()[i], *reference.blobs()[i], true,
                   "parameter gradient " + std::to_string(i));
      }
      if (propagate[0]) ExpectNear(in, in_ref, true, "bottom 0 gradient");
      if (propagate[1]) ExpectNear(in2, in2_ref, true, "bottom 1 gradient");
      // What is not asked for is left alone.
      ExpectNear(in, in_ref, false, "bottom 0");
    }
  }

  std::mt19937 random_{17};
};

using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(CudnnConvolutionTest, Types);

TYPED_TEST(CudnnConvolutionTest, AgreesWithCaffesOnTheCpu) {
  for (int trial = 0; trial < 60; ++trial) {
    SCOPED_TRACE(trial);
    CudnnSettings::Get().repeatable = trial % 3 == 0;
    int channels = 0;
    const auto param = this->RandomLayer(&channels);
    const std::vector<int> shape{this->Draw(1, 3), channels, this->Draw(7, 12),
                                 this->Draw(7, 12)};
    this->Compare(param, shape, {this->Draw(0, 3) > 0, true},
                  this->Draw(0, 3) > 0);
    if (this->HasFatalFailure()) return;
  }
}

TYPED_TEST(CudnnConvolutionTest, TakesAnotherSizeBetweenCalls) {
  using Dtype = TypeParam;
  caffe::LayerParameter param;
  param.mutable_convolution_param()->set_num_output(3);
  param.mutable_convolution_param()->add_kernel_size(3);
  param.mutable_convolution_param()->mutable_weight_filler()->set_type(
      "gaussian");
  Caffe::set_mode(Caffe::GPU);
  Blob<Dtype> in(2, 2, 6, 7), out, out_ref;
  CudnnConvolutionLayer<Dtype> layer(param);
  layer.SetUp({&in}, {&out});
  Caffe::set_mode(Caffe::CPU);
  caffe::ConvolutionLayer<Dtype> reference(param);
  reference.SetUp({&in}, {&out_ref});
  reference.blobs()[0]->CopyFrom(*layer.blobs()[0]);
  for (int size : {6, 9, 4, 6}) {
    in.Reshape(size % 4 + 1, 2, size, size + 1);
    this->Fill(in.count(), in.mutable_cpu_data());
    reference.Forward({&in}, {&out_ref});
    Caffe::set_mode(Caffe::GPU);
    layer.Forward({&in}, {&out});
    Caffe::set_mode(Caffe::CPU);
    this->ExpectNear(out, out_ref, false, std::to_string(size));
  }
}

TYPED_TEST(CudnnConvolutionTest, WorkspaceIsOneAThreadAndKeptWithinRichness) {
  using Dtype = TypeParam;
  const size_t limit = CudnnSettings::Get().workspace_limit;
  std::thread rank([this, limit] {  // a thread's workspace starts empty
    Caffe::set_mode(Caffe::GPU);
    for (int trial = 0; trial < 8; ++trial) {
      int channels = 0;
      const auto param = this->RandomLayer(&channels);
      Blob<Dtype> in(2, channels, 9 + trial, 9), out;
      this->Fill(&in);
      CudnnConvolutionLayer<Dtype> layer(param);
      layer.SetUp({&in}, {&out});
      layer.Forward({&in}, {&out});
      this->Fill(&out);
      layer.Backward({&out}, {true}, {&in});
      EXPECT_LE(CudnnContext::Current().workspace().size(), limit);
    }
  });
  rank.join();
}

TYPED_TEST(CudnnConvolutionTest, IsRegisteredForTheEngineChoice) {
  using Dtype = TypeParam;
  auto& registry = caffe::LayerRegistry<Dtype>::Registry();
  ASSERT_TRUE(registry.count("CuDNNConvolution"));
  const auto layer = registry["CuDNNConvolution"](caffe::LayerParameter());
  EXPECT_NE(dynamic_cast<CudnnConvolutionLayer<Dtype>*>(layer.get()), nullptr);
  EXPECT_STREQ(layer->type(), "Convolution");
}

}  // namespace
}  // namespace two_stream
