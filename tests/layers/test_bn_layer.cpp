#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "caffe/layer_factory.hpp"
#include "caffe/test/test_gradient_check_util.hpp"
#include "caffe_ext/common/error.hpp"
#include "caffe_ext/layers/bn_layer.hpp"

namespace two_stream {
namespace {

using caffe::Blob;
using Values = std::vector<double>;

constexpr double kEps = 1e-5;  // the default

class BnLayerTest : public testing::Test {
 protected:
  static caffe::LayerParameter Param(caffe::Phase phase = caffe::TRAIN) {
    caffe::LayerParameter param;
    param.set_name("bn");
    param.set_type("BN");
    param.set_phase(phase);
    return param;
  }
  void Make(const caffe::LayerParameter& param) {
    layer_ = caffe::LayerRegistry<double>::CreateLayer(param);
    layer_->SetUp({&bottom_}, {&top_});
  }
  // Scale and shift other than 1 and 0, moving statistics other than the
  // batch's.
  void DrawBlobs() {
    for (const auto& blob : layer_->blobs()) Draw(blob->count(), blob.get());
    double* variance = layer_->blobs()[3]->mutable_cpu_data();
    for (int c = 0; c < 3; ++c) variance[c] = 0.5 + std::abs(variance[c]);
  }
  void Draw(int count, Blob<double>* blob) {
    double* values = blob->mutable_cpu_data();
    for (int i = 0; i < count; ++i) values[i] = normal_(random_);
  }
  void DrawTopDiff() {
    double* diff = top_.mutable_cpu_diff();
    for (int i = 0; i < top_.count(); ++i) diff[i] = normal_(random_);
  }
  static Values Copy(const double* values, int count) {
    return Values(values, values + count);
  }
  // Channel of value i of a 4 x 3 x 2 x 5 blob.
  static int Channel(int i) { return i / 10 % 3; }
  // Mean and variance of a channel of the bottom.
  std::pair<double, double> Moments(int channel) const {
    double mean = 0, variance = 0;
    for (int pass = 0; pass < 2; ++pass) {
      for (int i = 0; i < bottom_.count(); ++i) {
        if (Channel(i) != channel) continue;
        const double x = bottom_.cpu_data()[i];
        (pass ? variance : mean) += (pass ? std::pow(x - mean, 2) : x) / 40;
      }
    }
    return {mean, variance};
  }
  void ExpectTop(const Values& mean, const Values& variance) const {
    const auto& blobs = layer_->blobs();
    for (int i = 0; i < top_.count(); ++i) {
      const int c = Channel(i);
      const double normal =
          (bottom_.cpu_data()[i] - mean[c]) / std::sqrt(variance[c] + kEps);
      EXPECT_NEAR(blobs[0]->cpu_data()[c] * normal + blobs[1]->cpu_data()[c],
                  top_.cpu_data()[i], 1e-10);
    }
  }

  std::mt19937 random_{11};
  std::normal_distribution<double> normal_{0.3, 2};
  Blob<double> bottom_{std::vector<int>{4, 3, 2, 5}}, top_;
  boost::shared_ptr<caffe::Layer<double>> layer_;
};

TEST_F(BnLayerTest, NormalizesByTheBatchInTraining) {
  Make(Param());
  DrawBlobs();
  Draw(bottom_.count(), &bottom_);
  layer_->Forward({&bottom_}, {&top_});
  Values mean, variance;
  for (int c = 0; c < 3; ++c) {
    mean.push_back(Moments(c).first);
    variance.push_back(Moments(c).second);
  }
  ExpectTop(mean, variance);
}

TEST_F(BnLayerTest, BlendsTheMovingStatistics) {
  caffe::LayerParameter param = Param();
  param.mutable_bn_param()->set_momentum(0.7f);
  Make(param);
  Values mean(3, 0), variance(3, 0);
  const double momentum = 0.7f;
  for (int batch = 0; batch < 3; ++batch) {
    Draw(bottom_.count(), &bottom_);
    layer_->Forward({&bottom_}, {&top_});
    for (int c = 0; c < 3; ++c) {
      const auto [batch_mean, batch_variance] = Moments(c);
      mean[c] = momentum * mean[c] + (1 - momentum) * batch_mean;
      variance[c] = momentum * variance[c] + (1 - momentum) * batch_variance;
      EXPECT_NEAR(mean[c], layer_->blobs()[2]->cpu_data()[c], 1e-12);
      EXPECT_NEAR(variance[c], layer_->blobs()[3]->cpu_data()[c], 1e-12);
    }
  }
}

TEST_F(BnLayerTest, UsesTheMovingStatisticsInTestAndWhenFrozen) {
  caffe::LayerParameter frozen = Param();
  frozen.mutable_bn_param()->set_frozen(true);
  for (const auto& param : {Param(caffe::TEST), frozen}) {
    Make(param);
    DrawBlobs();
    Draw(bottom_.count(), &bottom_);
    const Values mean = Copy(layer_->blobs()[2]->cpu_data(), 3);
    const Values variance = Copy(layer_->blobs()[3]->cpu_data(), 3);
    layer_->Forward({&bottom_}, {&top_});
    ExpectTop(mean, variance);
    EXPECT_EQ(mean, Copy(layer_->blobs()[2]->cpu_data(), 3));
    EXPECT_EQ(variance, Copy(layer_->blobs()[3]->cpu_data(), 3));
  }
}

TEST_F(BnLayerTest, GradientsAreThoseOfFiniteDifferences) {
  for (const std::vector<int>& shape :
       {std::vector<int>{4, 3, 2, 5}, {6, 3}, {2, 3, 4}}) {
    bottom_.Reshape(shape);
    Draw(bottom_.count(), &bottom_);
    caffe::LayerParameter param = Param();
    param.mutable_bn_param()->mutable_slope_filler()->set_type("uniform");
    param.mutable_bn_param()->mutable_bias_filler()->set_type("uniform");
    layer_ = caffe::LayerRegistry<double>::CreateLayer(param);
    caffe::GradientChecker<double>(1e-4, 1e-4)
        .CheckGradientExhaustive(layer_.get(), {&bottom_}, {&top_});
  }
}

TEST_F(BnLayerTest, FrozenGradientIsThatOfConstantsAndLearnsNothing) {
  caffe::LayerParameter param = Param();
  param.mutable_bn_param()->set_frozen(true);
  Make(param);
  DrawBlobs();
  Draw(bottom_.count(), &bottom_);
  layer_->Forward({&bottom_}, {&top_});
  DrawTopDiff();
  layer_->Backward({&top_}, {true}, {&bottom_});
  const Values dy = Copy(top_.cpu_diff(), top_.count());
  const Values dx = Copy(bottom_.cpu_diff(), bottom_.count());
  for (const auto& blob : layer_->blobs()) EXPECT_EQ(0, blob->asum_diff());
  for (int i = 0; i < bottom_.count(); ++i) {
    double* x = bottom_.mutable_cpu_data() + i;
    double difference = 0;
    for (double side : {1., -1.}) {
      *x += side * 1e-3;
      layer_->Forward({&bottom_}, {&top_});
      bottom_.mutable_cpu_data()[i] -= side * 1e-3;
      for (int k = 0; k < top_.count(); ++k) {
        difference += side * dy[k] * top_.cpu_data()[k];
      }
    }
    EXPECT_NEAR(difference / 2e-3, dx[i], 1e-8);
  }
}

TEST_F(BnLayerTest, InPlaceIsTheSame) {
  for (bool frozen : {false, true}) {
    caffe::LayerParameter param = Param();
    param.mutable_bn_param()->set_frozen(frozen);
    Make(param);
    DrawBlobs();
    Draw(bottom_.count(), &bottom_);
    Blob<double> both(bottom_.shape());
    both.CopyFrom(bottom_);
    const auto in_place = caffe::LayerRegistry<double>::CreateLayer(param);
    in_place->SetUp({&both}, {&both});
    for (int i = 0; i < 4; ++i) {
      in_place->blobs()[i]->CopyFrom(*layer_->blobs()[i]);
    }
    layer_->Forward({&bottom_}, {&top_});
    in_place->Forward({&both}, {&both});
    EXPECT_EQ(Copy(top_.cpu_data(), 120), Copy(both.cpu_data(), 120));
    DrawTopDiff();
    both.CopyFrom(top_, true);
    layer_->Backward({&top_}, {true}, {&bottom_});
    in_place->Backward({&both}, {true}, {&both});
    EXPECT_EQ(Copy(bottom_.cpu_diff(), 120), Copy(both.cpu_diff(), 120));
  }
}

TEST_F(BnLayerTest, GradientsAddUpOverAnIteration) {
  Make(Param());
  Draw(bottom_.count(), &bottom_);
  layer_->Forward({&bottom_}, {&top_});
  DrawTopDiff();
  layer_->Backward({&top_}, {true}, {&bottom_});
  const Values scale = Copy(layer_->blobs()[0]->cpu_diff(), 3);
  const Values shift = Copy(layer_->blobs()[1]->cpu_diff(), 3);
  layer_->Backward({&top_}, {false}, {&bottom_});
  for (int c = 0; c < 3; ++c) {
    EXPECT_DOUBLE_EQ(2 * scale[c], layer_->blobs()[0]->cpu_diff()[c]);
    EXPECT_DOUBLE_EQ(2 * shift[c], layer_->blobs()[1]->cpu_diff()[c]);
  }
}

TEST_F(BnLayerTest, SolverLeavesStatisticsAndFrozenLayersAlone) {
  for (bool frozen : {false, true}) {
    caffe::LayerParameter param = Param();
    param.mutable_bn_param()->set_frozen(frozen);
    param.add_param()->set_lr_mult(3);
    Make(param);
    const caffe::LayerParameter& used = layer_->layer_param();
    ASSERT_EQ(4, used.param_size());
    EXPECT_EQ(frozen ? 0 : 3, used.param(0).lr_mult());
    EXPECT_EQ(frozen ? 0 : 1, used.param(1).lr_mult());
    for (int i : {2, 3}) {
      EXPECT_EQ(0, used.param(i).lr_mult());
      EXPECT_EQ(0, used.param(i).decay_mult());
    }
  }
}

TEST_F(BnLayerTest, RefusesWhatCannotBe) {
  caffe::LayerParameter param = Param();
  param.mutable_bn_param()->set_momentum(1.5);
  EXPECT_THROW(Make(param), UserError);
  param = Param();
  param.mutable_bn_param()->set_eps(0);
  EXPECT_THROW(Make(param), UserError);
  bottom_.Reshape({7});
  EXPECT_THROW(Make(Param()), UserError);
}

}  // namespace
}  // namespace two_stream
