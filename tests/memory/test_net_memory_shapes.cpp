// Nets whose shapes change are planned again.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "caffe_ext/common/register_layer.hpp"
#include "small_nets.hpp"

namespace two_stream {
namespace {

// Convolutions only, so that any image size will do.
std::string AnySize() {
  return InputData() + Convolution(1, "data") + Convolution(2, "conv1") +
         "layer { name: 'pool' type: 'Pooling' bottom: 'conv2' top: 'pool' "
         "pooling_param { pool: AVE global_pooling: true } }\n" +
         Head("pool");
}

TEST(NetMemory, ReshapePlansAgain) {
  for (bool call_reshape : {false, true}) {
    std::mt19937 rng(8);
    const auto shared = MakeNet(AnySize(), caffe::TRAIN);
    OptimizeMemory(shared.get(), Poisoned());
    size_t largest = 0, smallest = size_t{1} << 40;
    for (int round = 0; round < 12; ++round) {
      const int batch = 1 + static_cast<int>(rng() % 5);
      const int height = 3 + static_cast<int>(rng() % 9);
      const auto stock = MakeNet(AnySize(), caffe::TRAIN);
      for (Net* net : {stock.get(), shared.get()}) {
        net->blob_by_name("data")->Reshape(batch, 2, height, 7);
        net->blob_by_name("label")->Reshape({batch});
        if (call_reshape) net->Reshape();
        std::mt19937 same(round);
        FillInput(net, &same);
        net->ClearParamDiffs();
        net->ForwardBackward();
      }
      EXPECT_TRUE(SameBits(DataOf(*stock, "loss"), DataOf(*shared, "loss")));
      EXPECT_TRUE(SameBits(ParameterDiffs(*stock), ParameterDiffs(*shared)));
      const size_t planned = MemoryOf(*shared)->Summary().planned;
      largest = std::max(largest, planned);
      smallest = std::min(smallest, planned);
    }
    EXPECT_GT(largest, smallest);
  }
}

// A data layer whose batches differ in size; only Forward tells.
template <typename Dtype>
class VaryingData : public caffe::Layer<Dtype> {
 public:
  using Blobs = std::vector<caffe::Blob<Dtype>*>;
  explicit VaryingData(const caffe::LayerParameter& param)
      : caffe::Layer<Dtype>(param) {}
  const char* type() const override { return "VaryingData"; }
  void LayerSetUp(const Blobs&, const Blobs& top) override { Shape(2, top); }
  void Reshape(const Blobs&, const Blobs&) override {}

 protected:
  void Forward_cpu(const Blobs&, const Blobs& top) override {
    static const int kBatches[] = {3, 5, 5, 2, 7, 1};
    Shape(kBatches[pass_++ % 6], top);
    for (auto* blob : top) {
      for (int i = 0; i < blob->count(); ++i) {
        blob->mutable_cpu_data()[i] = static_cast<Dtype>(i * pass_ % 3);
      }
    }
  }
  void Backward_cpu(const Blobs&, const std::vector<bool>&,
                    const Blobs&) override {}

 private:
  void Shape(int batch, const Blobs& top) {
    if (this->layer_param_.top(0) == "label") {
      top[0]->Reshape({batch});
    } else {
      top[0]->Reshape({batch, 2, 4 + batch, 6});
    }
  }
  int pass_ = 0;
};
TWO_STREAM_REGISTER_LAYER(VaryingData, VaryingData);

TEST(NetMemory, BatchesMayDifferFromPassToPass) {
  const std::string data =
      "layer { name: 'data' type: 'VaryingData' top: 'data' }\n";
  const std::string label =
      "layer { name: 'label' type: 'VaryingData' top: 'label' }\n";
  const std::string rest = AnySize().substr(InputData().size());
  // The labels come first, or in the middle of the net.
  const size_t middle = rest.find("layer { name: 'relu2'");
  for (const std::string& text :
       {label + data + rest,
        data + rest.substr(0, middle) + label + rest.substr(middle)}) {
    const caffe::NetParameter net = ParseNet(text);
    const auto expected = TrainUnshared<float>(net, 13);
    EXPECT_TRUE(SameBits(expected, TrainShared<float>(net, 13, Poisoned())));
    MemoryOptions recompute = Poisoned();
    recompute.recompute = true;
    EXPECT_TRUE(SameBits(expected, TrainShared<float>(net, 13, recompute)));
  }
}

TEST(NetMemory, BlobsThatTheUserReshapedAndFilledStay) {
  const auto stock = MakeNet(AnySize(), caffe::TEST);
  const auto shared = MakeNet(AnySize(), caffe::TEST);
  OptimizeMemory(shared.get(), Poisoned(false));
  for (Net* net : {stock.get(), shared.get()}) {
    net->Forward();
    const auto blob = net->blob_by_name("conv1");
    blob->Reshape(5, 4, 9, 9);
    net->blob_by_name("label")->Reshape({5});
    std::fill_n(blob->mutable_cpu_data(), blob->count(), 0.5f);
    net->ForwardFrom(3);  // conv2
    EXPECT_EQ(blob->cpu_data()[17], 0.5f);
  }
  EXPECT_TRUE(SameBits(DataOf(*stock, "prob"), DataOf(*shared, "prob")));
}

}  // namespace
}  // namespace two_stream
