// Our layers' kernels against their CPU code. Without a GPU these run in
// host_gpu_tests alone, where the kernels are functions of the host.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "caffe/common.hpp"
#include "caffe/layer_factory.hpp"
#include "caffe_ext/common/device.hpp"
#include "caffe_ext/common/run_context.hpp"

namespace two_stream {
namespace {

using caffe::Blob;
using caffe::Caffe;

template <typename Dtype>
class DeviceLayersTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasDevices()) GTEST_SKIP() << "no GPU";
  }
  void TearDown() override { Caffe::set_mode(Caffe::CPU); }

  int Draw(int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random_);
  }
  void Fill(int count, Dtype* values) {
    std::normal_distribution<Dtype> normal(0.5);
    for (int i = 0; i < count; ++i) values[i] = normal(random_);
  }

  void ExpectNear(const Dtype* a, const Dtype* b, int count, double tolerance,
                  const std::string& what) {
    for (int i = 0; i < count; ++i) {
      ASSERT_LE(std::abs(double(a[i]) - b[i]),
                tolerance * std::max(1., std::abs(double(b[i]))))
          << what << ", number " << i << ": " << a[i] << " and " << b[i];
    }
  }

  // Two steps forward and backward on the CPU and on the device: the numbers
  // that come out differ by `tolerance` at most, where they are above 1 as a
  // share.
  void Compare(const caffe::LayerParameter& param,
               const std::vector<int>& shape, bool in_place, double tolerance) {
    Blob<Dtype> bottoms[2], tops[2];
    boost::shared_ptr<caffe::Layer<Dtype>> layers[2];
    ScopedRunContext context(RunContext{9, 1, 3, false});
    for (int gpu : {0, 1}) {
      Caffe::set_mode(gpu ? Caffe::GPU : Caffe::CPU);
      bottoms[gpu].Reshape(shape);
      layers[gpu] = caffe::LayerRegistry<Dtype>::CreateLayer(param);
      layers[gpu]->SetUp({&bottoms[gpu]},
                         {in_place ? &bottoms[gpu] : &tops[gpu]});
    }
    Caffe::set_mode(Caffe::CPU);
    for (size_t i = 0; i < layers[0]->blobs().size(); ++i) {
      Blob<Dtype>* blob = layers[0]->blobs()[i].get();
      Fill(blob->count(), blob->mutable_cpu_data());
      Fill(blob->count(), blob->mutable_cpu_diff());
      for (int k = 0; i == 3 && k < blob->count(); ++k) {  // BN's variance
        blob->mutable_cpu_data()[k] = std::abs(blob->cpu_data()[k]) + 0.5;
      }
      layers[1]->blobs()[i]->CopyFrom(*blob);
      layers[1]->blobs()[i]->CopyFrom(*blob, true);
    }
    Blob<Dtype>* out[2];
    for (int gpu : {0, 1}) out[gpu] = in_place ? &bottoms[gpu] : &tops[gpu];
    for (int step = 0; step < 2; ++step) {
      Fill(bottoms[0].count(), bottoms[0].mutable_cpu_data());
      std::copy_n(bottoms[0].cpu_data(), bottoms[0].count(),
                  bottoms[1].mutable_cpu_data());
      for (int gpu : {0, 1}) {
        Caffe::set_mode(gpu ? Caffe::GPU : Caffe::CPU);
        layers[gpu]->Forward({&bottoms[gpu]}, {out[gpu]});
      }
      ExpectNear(out[1]->cpu_data(), out[0]->cpu_data(), out[0]->count(),
                 tolerance, "top");
      Fill(out[0]->count(), out[0]->mutable_cpu_diff());
      std::copy_n(out[0]->cpu_diff(), out[0]->count(),
                  out[1]->mutable_cpu_diff());
      for (int gpu : {0, 1}) {
        Caffe::set_mode(gpu ? Caffe::GPU : Caffe::CPU);
        layers[gpu]->Backward({out[gpu]}, {true}, {&bottoms[gpu]});
      }
      ExpectNear(bottoms[1].cpu_diff(), bottoms[0].cpu_diff(),
                 bottoms[0].count(), tolerance, "bottom's gradient");
      for (size_t i = 0; i < layers[0]->blobs().size(); ++i) {
        const Blob<Dtype>& a = *layers[1]->blobs()[i];
        const Blob<Dtype>& b = *layers[0]->blobs()[i];
        const std::string name = "parameter " + std::to_string(i);
        ExpectNear(a.cpu_data(), b.cpu_data(), b.count(), tolerance, name);
        ExpectNear(a.cpu_diff(), b.cpu_diff(), b.count(), tolerance,
                   name + "'s gradient");
      }
    }
  }

  std::mt19937 random_{23};
};

using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(DeviceLayersTest, Types);

// The same masks bit for bit, which ranks on CPUs and GPUs rely upon.
TYPED_TEST(DeviceLayersTest, DropoutDropsTheSameUnits) {
  for (int trial = 0; trial < 12; ++trial) {
    SCOPED_TRACE(trial);
    caffe::LayerParameter param;
    param.set_type("Dropout");
    param.set_name("drop" + std::to_string(trial));
    param.set_phase(trial == 5 ? caffe::TEST : caffe::TRAIN);
    param.mutable_dropout_param()->set_dropout_ratio(this->Draw(0, 9) / 10.);
    std::vector<int> shape{this->Draw(1, 5), this->Draw(1, 9)};
    if (trial % 2) shape.push_back(this->Draw(1, 90));
    this->Compare(param, shape, trial % 3 == 0, 0);
  }
}

TYPED_TEST(DeviceLayersTest, BatchNormalisationAgrees) {
  for (int trial = 0; trial < 8; ++trial) {
    SCOPED_TRACE(trial);
    caffe::LayerParameter param;
    param.set_type("BN");
    param.set_phase(trial == 3 ? caffe::TEST : caffe::TRAIN);
    param.mutable_bn_param()->set_frozen(trial == 4);
    std::vector<int> shape{this->Draw(2, 4), this->Draw(1, 3)};
    if (trial % 4) shape.insert(shape.end(), {this->Draw(1, 9), 17});
    // In test its backward pass needs the input, which is gone in place.
    const bool in_place = trial % 2 && trial != 3;
    this->Compare(param, shape, in_place,
                  sizeof(TypeParam) == 4 ? 1e-4 : 1e-12);
  }
}

}  // namespace
}  // namespace two_stream
