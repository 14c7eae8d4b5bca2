#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "caffe/layer_factory.hpp"
#include "caffe_ext/common/error.hpp"
#include "caffe_ext/common/run_context.hpp"
#include "caffe_ext/layers/dropout_layer.hpp"

namespace two_stream {
namespace {

using caffe::Blob;
using Values = std::vector<double>;

// A Dropout layer of a rank, and its blobs of `rows` x 3 x 7 ones.
class Dropper {
 public:
  Dropper(int rows, double ratio, RunContext context = {5, 0, 1, false},
          caffe::Phase phase = caffe::TRAIN, const std::string& name = "drop6")
      : bottom_(std::vector<int>{rows, 3, 7}) {
    caffe::LayerParameter param;
    param.set_name(name);
    param.set_type("Dropout");
    param.set_phase(phase);
    param.mutable_dropout_param()->set_dropout_ratio(ratio);
    ScopedRunContext scope(context);
    layer_ = caffe::LayerRegistry<double>::CreateLayer(param);
    layer_->SetUp(bottoms_, tops_);
    Fill(bottom_.mutable_cpu_data());
  }
  Values Forward() {
    layer_->Forward(bottoms_, tops_);
    return Values(top_.cpu_data(), top_.cpu_data() + top_.count());
  }
  Values Backward() {
    Fill(top_.mutable_cpu_diff());
    layer_->Backward(tops_, {true}, bottoms_);
    return Values(bottom_.cpu_diff(), bottom_.cpu_diff() + bottom_.count());
  }
  DropoutLayer<double>& layer() {
    return dynamic_cast<DropoutLayer<double>&>(*layer_);
  }

 private:
  void Fill(double* values) {
    for (int i = 0; i < bottom_.count(); ++i) values[i] = 1;
  }
  Blob<double> bottom_, top_;
  std::vector<Blob<double>*> bottoms_{&bottom_}, tops_{&top_};
  boost::shared_ptr<caffe::Layer<double>> layer_;
};

Values Concat(Values a, const Values& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(Dropout, DropsTheGivenShareAndScalesTheRest) {
  for (float ratio : {0.f, 0.3f, 0.9f}) {
    const Values values = Dropper(2000, ratio).Forward();
    double kept = 0;
    for (double value : values) {
      if (value == 0) continue;
      EXPECT_DOUBLE_EQ(1 / (1 - double{ratio}), value);
      ++kept;
    }
    const double n = values.size();
    const double deviation = std::sqrt(n * ratio * (1 - ratio));
    EXPECT_NEAR(n * (1 - ratio), kept, 4 * deviation);
  }
}

TEST(Dropout, DrawsEachUnitFromItsOwnStreamElement) {
  const Values values = Dropper(9, 0.4).Forward();
  uint32_t hash = 2166136261u;  // FNV-1a of the name
  for (char c : std::string("drop6")) hash = (hash ^ c) * 16777619u;
  for (int row = 0; row < 9; ++row) {
    const RandomStream stream(5, RandomPurpose::kDropout, hash, 0, row);
    for (int i = 0; i < 21; ++i) {
      EXPECT_EQ(stream.At(i) / std::pow(2., 32) >= 0.4,
                values[21 * row + i] != 0);
    }
  }
}

TEST(Dropout, UsesTheSameMaskBackward) {
  Dropper dropper(4, 0.5);
  for (int i = 0; i < 3; ++i) {
    const Values forward = dropper.Forward();
    EXPECT_EQ(forward, dropper.Backward());
  }
}

TEST(Dropout, DrawsNewMasksEachPassByLayerAndSeed) {
  Dropper dropper(4, 0.5);
  const Values first = dropper.Forward();
  EXPECT_NE(first, dropper.Forward());
  EXPECT_NE(first, Dropper(4, 0.5, {6, 0, 1, false}).Forward());
  EXPECT_NE(first,
            Dropper(4, 0.5, {5, 0, 1, false}, caffe::TRAIN, "drop7").Forward());
  EXPECT_EQ(first, Dropper(4, 0.5).Forward());
}

TEST(Dropout, GivesASampleItsMaskOnWhicheverRank) {
  Dropper whole(6, 0.5);
  Dropper first(3, 0.5, {5, 0, 2, false}), second(3, 0.5, {5, 1, 2, false});
  for (int pass = 0; pass < 3; ++pass) {
    EXPECT_EQ(whole.Forward(), Concat(first.Forward(), second.Forward()));
  }
  // Another number of ranks and passes over the same samples: 9 = 3 x 2 + 3.
  Dropper once(9, 0.5);
  Dropper a(3, 0.5, {5, 0, 2, false}), b(3, 0.5, {5, 1, 2, false});
  const Values two = Concat(a.Forward(), b.Forward());
  EXPECT_EQ(once.Forward(), Concat(two, a.Forward()));
}

TEST(Dropout, SeesTheWholeBatchBehindAGather) {
  Dropper replicated(6, 0.5, {5, 1, 2, false});
  replicated.layer().set_shard(0, 1);
  EXPECT_EQ(Dropper(6, 0.5).Forward(), replicated.Forward());
}

TEST(Dropout, GoesOnFromItsCursor) {
  Dropper dropper(4, 0.5);
  dropper.Forward();
  EXPECT_EQ(4u, dropper.layer().data_cursor());
  const Values second = dropper.Forward();
  dropper.layer().set_data_cursor(4);
  EXPECT_EQ(second, dropper.Forward());
  Dropper resumed(4, 0.5);
  resumed.layer().set_data_cursor(4);
  EXPECT_EQ(second, resumed.Forward());
}

TEST(Dropout, PassesThroughInTestNets) {
  Dropper dropper(4, 0.5, {5, 0, 1, false}, caffe::TEST);
  EXPECT_EQ(Values(84, 1.), dropper.Forward());
  EXPECT_EQ(Values(84, 1.), dropper.Backward());
  EXPECT_EQ(0u, dropper.layer().data_cursor());
}

TEST(Dropout, RefusesARatioOfOne) { EXPECT_THROW(Dropper(4, 1.0), UserError); }

}  // namespace
}  // namespace two_stream
