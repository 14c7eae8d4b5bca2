// Nets whose buffers are shared, in all the ways that nets are used.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/weak_ptr.hpp>
#include <functional>
#include <random>
#include <sstream>
#include <string>

#include "caffe_ext/common/error.hpp"
#include "caffe_ext/common/register_layer.hpp"
#include "caffe_ext/memory/problem_file.hpp"
#include "tools/synthetic_data.hpp"
#include "training.hpp"

namespace two_stream {
namespace {

using Net = caffe::Net<float>;

std::string Convolution(int i, const std::string& bottom) {
  const std::string name = "conv" + std::to_string(i);
  return "layer { name: '" + name + "' type: 'Convolution' bottom: '" + bottom +
         "' top: '" + name +
         "' convolution_param { num_output: 4 kernel_size: 3 pad: 1 "
         "weight_filler { type: 'xavier' } } }\n"
         "layer { name: 'relu" +
         std::to_string(i) + "' type: 'ReLU' bottom: '" + name + "' top: '" +
         name + "' }\n";
}

std::string Head(const std::string& bottom) {
  return "layer { name: 'score' type: 'InnerProduct' bottom: '" + bottom +
         "' top: 'score' inner_product_param { num_output: 3 weight_filler { "
         "type: 'xavier' } } }\n"
         "layer { name: 'loss' type: 'SoftmaxWithLoss' bottom: 'score' "
         "bottom: 'label' top: 'loss' include { phase: TRAIN } }\n"
         "layer { name: 'prob' type: 'Softmax' bottom: 'score' top: 'prob' "
         "include { phase: TEST } }\n"
         "layer { name: 'quiet' type: 'Silence' bottom: 'label' "
         "include { phase: TEST } }\n";
}

std::string Body() {
  return Convolution(1, "data") + Convolution(2, "conv1") +
         "layer { name: 'pool' type: 'Pooling' bottom: 'conv2' top: 'pool' "
         "pooling_param { pool: MAX kernel_size: 3 stride: 2 } }\n" +
         Convolution(3, "pool") + Convolution(4, "conv3") + Head("conv4");
}

// Random data, drawn anew for each pass.
std::string RandomData() {
  return "layer { name: 'data' type: 'DummyData' top: 'data' top: 'label' "
         "dummy_data_param { shape { dim: 3 dim: 2 dim: 9 dim: 9 } "
         "shape { dim: 3 } data_filler { type: 'gaussian' } "
         "data_filler { type: 'constant' value: 2 } } }\n";
}

// Data set by the test.
std::string InputData() {
  return "layer { name: 'data' type: 'Input' top: 'data' top: 'label' "
         "input_param { shape { dim: 3 dim: 2 dim: 9 dim: 9 } "
         "shape { dim: 3 } } }\n";
}

std::unique_ptr<Net> MakeNet(const std::string& text, caffe::Phase phase) {
  caffe::Caffe::set_random_seed(5);
  caffe::NetParameter param = ParseNet(text);
  param.mutable_state()->set_phase(phase);
  return std::make_unique<Net>(param);
}

void FillInput(Net* net, std::mt19937* rng) {
  std::normal_distribution<float> normal;
  auto* data = net->blob_by_name("data").get();
  for (int i = 0; i < data->count(); ++i) {
    data->mutable_cpu_data()[i] = normal(*rng);
  }
  auto* label = net->blob_by_name("label").get();
  for (int i = 0; i < label->count(); ++i) {
    label->mutable_cpu_data()[i] = static_cast<float>((*rng)() % 3);
  }
}

std::vector<float> DataOf(const Net& net, const std::string& name) {
  const auto blob = net.blob_by_name(name);
  return {blob->cpu_data(), blob->cpu_data() + blob->count()};
}

std::vector<float> DiffOf(const Net& net, const std::string& name) {
  const auto blob = net.blob_by_name(name);
  return {blob->cpu_diff(), blob->cpu_diff() + blob->count()};
}

std::vector<float> ParameterDiffs(const Net& net) {
  std::vector<float> all;
  for (const auto* blob : net.learnable_params()) {
    all.insert(all.end(), blob->cpu_diff(), blob->cpu_diff() + blob->count());
  }
  return all;
}

MemoryOptions Poisoned(bool backward = true) {
  MemoryOptions options;
  options.backward = backward;
  options.poison = true;
  return options;
}

std::string ErrorOf(const std::function<void()>& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(NetMemory, SavesMemory) {
  const auto net = MakeNet(RandomData() + Body(), caffe::TRAIN);
  OptimizeMemory(net.get(), MemoryOptions());
  const MemorySummary summary = MemoryOf(*net)->Summary();
  EXPECT_GE(summary.planned, summary.lower_bound);
  EXPECT_LT(summary.planned, summary.unshared * 2 / 3);
  EXPECT_LT(summary.planned + summary.pinned, summary.stock * 2 / 3);
  // And the planned storages do lie in one stretch of that size.
  const char *low = nullptr, *high = nullptr;
  for (const char* name : {"conv1", "conv2", "pool", "conv3", "conv4"}) {
    const auto blob = net->blob_by_name(name);
    for (const auto* memory : {blob->data().get(), blob->diff().get()}) {
      const char* begin = static_cast<const char*>(
          const_cast<caffe::SyncedMemory*>(memory)->cpu_data());
      if (low == nullptr || begin < low) low = begin;
      high = std::max(high, begin + memory->size());
    }
  }
  EXPECT_LE(static_cast<size_t>(high - low), summary.planned);
}

// Lives by hand: the steps of data -> conv1, relu1 (in place) -> conv2, relu2
// -> pool -> conv3, relu3 -> conv4, relu4 -> score -> loss.
TEST(NetMemory, LivesAreTheExpectedOnes) {
  const auto net = MakeNet(RandomData() + Body(), caffe::TRAIN);
  OptimizeMemory(net.get(), MemoryOptions());
  const Schedule& schedule = MemoryOf(*net)->schedule();
  const auto layer = [&](const std::string& name) {
    const auto& names = net->layer_names();
    return std::find(names.begin(), names.end(), name) - names.begin();
  };
  const auto forward = [&](const std::string& name) {
    return schedule.forward_step[layer(name)];
  };
  const auto backward = [&](const std::string& name) {
    return schedule.backward_step[layer(name)];
  };
  const auto expect = [&](const std::string& name, int first, int last) {
    for (const Buffer& buffer : schedule.problem.buffers) {
      if (buffer.name != name) continue;
      EXPECT_EQ(buffer.first, first) << name;
      EXPECT_EQ(buffer.last, last) << name;
      return;
    }
    ADD_FAILURE() << name << " is not planned";
  };
  expect("conv1 data", forward("conv1"), backward("relu1"));
  // Pooling keeps positions and relu2 signs: nobody needs conv2 afterwards.
  expect("conv2 data", forward("conv2"), forward("pool"));
  expect("relu2 signs", forward("relu2"), backward("relu2"));
  expect("pool positions", forward("pool"), backward("pool"));
  expect("pool data", forward("pool"), backward("conv3"));
  expect("conv4 data", forward("conv4"), backward("relu4"));
  expect("conv1 diff", backward("conv2"), backward("conv1"));
  expect("conv4 diff", backward("score"), backward("conv4"));
  expect("score data", forward("score"), forward("loss"));
  expect("score diff", backward("loss"), backward("score"));
  for (const Buffer& buffer : schedule.problem.buffers) {
    EXPECT_NE(buffer.name.substr(0, 5), "data ");
    EXPECT_NE(buffer.name.substr(0, 5), "label");
    EXPECT_NE(buffer.name.substr(0, 5), "loss ");
  }
}

TEST(NetMemory, KeptProblemsAreThoseOfTheNets) {
  for (const std::string name : {"spatial_small", "temporal_small"}) {
    for (const bool train : {true, false}) {
      SCOPED_TRACE(name);
      caffe::NetParameter param;
      caffe::ReadNetParamsFromTextFileOrDie(
          TEST_SOURCE_DIR "/../models/" + name + "_train_val.prototxt", &param);
      UseSyntheticData(8, &param);
      param.mutable_state()->set_phase(train ? caffe::TRAIN : caffe::TEST);
      BindingOptions options;
      options.training = train;
      const Net net(param);
      std::ostringstream made, kept;
      WriteProblem(MakeSchedule(BindNet(net, options).graph).problem, made);
      WriteProblem(ReadProblemFile(TEST_SOURCE_DIR "/memory/problems/" + name +
                                   (train ? "_train.txt" : "_test.txt")),
                   kept);
      EXPECT_EQ(made.str(), kept.str())
          << "write it again: plan_memory -net, as its first line says";
    }
  }
}

TEST(NetMemory, TestNetGivesTheSameOutputs) {
  std::mt19937 rng(1);
  const auto stock = MakeNet(InputData() + Body(), caffe::TEST);
  const auto shared = MakeNet(InputData() + Body(), caffe::TEST);
  OptimizeMemory(shared.get(), Poisoned(false));
  for (int i = 0; i < 3; ++i) {
    FillInput(stock.get(), &rng);
    shared->blob_by_name("data")->CopyFrom(*stock->blob_by_name("data"));
    stock->Forward();
    shared->Forward();
    EXPECT_TRUE(SameBits(DataOf(*stock, "prob"), DataOf(*shared, "prob")));
  }
  EXPECT_EQ(MemoryOf(*shared)->schedule().steps.size(),
            shared->layers().size());
}

TEST(NetMemory, BackwardOfAForwardPlanIsRefused) {
  const auto net = MakeNet(RandomData() + Body(), caffe::TRAIN);
  OptimizeMemory(net.get(), Poisoned(false));
  net->Forward();
  EXPECT_TRUE(Has(ErrorOf([&] { net->Backward(); }), "optimize_test: false"));
}

TEST(NetMemory, ReusedBlobsAreRefusedAndKeptFromThenOn) {
  const auto shared = MakeNet(RandomData() + Body(), caffe::TEST);
  OptimizeMemory(shared.get(), Poisoned(false));
  shared->Forward();
  const auto blob = shared->blob_by_name("conv1");
  const std::string error = ErrorOf([&] { ClaimBlob(*blob, false); });
  EXPECT_TRUE(Has(error, "data of blob \"conv1\"")) << error;
  EXPECT_TRUE(Has(error, "exclude_blob: \"conv1\"")) << error;
  EXPECT_NE(ErrorOf([&] { ClaimBlob(*blob, false); }), "");  // still
  // From the next pass on it is there, and stays.
  caffe::Caffe::set_random_seed(9);
  shared->Forward();
  EXPECT_EQ(ErrorOf([&] { ClaimBlob(*blob, false); }), "");
  const auto kept = DataOf(*shared, "conv1");
  const auto stock = MakeNet(RandomData() + Body(), caffe::TEST);
  caffe::Caffe::set_random_seed(9);
  stock->Forward();
  EXPECT_TRUE(SameBits(kept, DataOf(*stock, "conv1")));
  EXPECT_TRUE(SameBits(DataOf(*shared, "prob"), DataOf(*stock, "prob")));
}

TEST(NetMemory, ClaimedBlobsHoldWhatCaffeWouldHold) {
  // Each blob is claimed at each possible moment; the content is right or the
  // claim is refused. Then training goes on as if nothing had happened.
  const std::string text = RandomData() + Body();
  int refused = 0, granted = 0;
  for (const char* name : {"conv1", "conv2", "pool", "conv3", "score"}) {
    for (bool diff : {false, true}) {
      for (int moment = 0; moment < 4; ++moment) {
        const auto stock = MakeNet(text, caffe::TRAIN);
        const auto shared = MakeNet(text, caffe::TRAIN);
        OptimizeMemory(shared.get(), MemoryOptions());
        const auto run = [&](Net* net, int until) {
          caffe::Caffe::set_random_seed(11);
          net->ClearParamDiffs();
          if (until > 0) net->ForwardTo(until > 1 ? 11 : 5);
          if (until > 2) net->Backward();
        };
        run(stock.get(), moment);
        run(shared.get(), moment);
        const auto blob = shared->blob_by_name(name);
        if (ErrorOf([&] { ClaimBlob(*blob, diff); }).empty()) {
          ++granted;
          EXPECT_TRUE(
              diff ? SameBits(DiffOf(*stock, name), DiffOf(*shared, name))
                   : SameBits(DataOf(*stock, name), DataOf(*shared, name)))
              << name << diff << moment;
        } else {
          ++refused;
        }
        run(stock.get(), 3);
        run(shared.get(), 3);
        EXPECT_TRUE(SameBits(ParameterDiffs(*stock), ParameterDiffs(*shared)));
        EXPECT_EQ(ErrorOf([&] { ClaimBlob(*blob, diff); }), "");
        EXPECT_TRUE(diff
                        ? SameBits(DiffOf(*stock, name), DiffOf(*shared, name))
                        : SameBits(DataOf(*stock, name), DataOf(*shared, name)))
            << name << diff << moment;
      }
    }
  }
  EXPECT_GT(refused, 5);
  EXPECT_GT(granted, 20);
}

TEST(NetMemory, ExcludedBlobsKeepTheirContent) {
  const std::string text = RandomData() + Body();
  const auto stock = MakeNet(text, caffe::TRAIN);
  const auto shared = MakeNet(text, caffe::TRAIN);
  MemoryOptions options = Poisoned();
  options.excluded = {"conv1", "conv3", "no such blob"};
  OptimizeMemory(shared.get(), options);
  for (Net* net : {stock.get(), shared.get()}) {
    caffe::Caffe::set_random_seed(3);
    net->ForwardBackward();
  }
  for (const char* name : {"conv1", "conv3"}) {
    EXPECT_TRUE(SameBits(DataOf(*stock, name), DataOf(*shared, name)));
    EXPECT_TRUE(SameBits(DiffOf(*stock, name), DiffOf(*shared, name)));
    EXPECT_EQ(ErrorOf([&] { ClaimBlob(*shared->blob_by_name(name), false); }),
              "");
  }
}

TEST(NetMemory, SmallestBlobsMayBeKept) {
  const auto net = MakeNet(InputData() + Body(), caffe::TEST);
  MemoryOptions options = Poisoned(false);
  options.keep_share = 0.01;
  OptimizeMemory(net.get(), options);
  net->Forward();
  EXPECT_EQ(ErrorOf([&] { ClaimBlob(*net->blob_by_name("score"), false); }),
            "");
  EXPECT_NE(ErrorOf([&] { ClaimBlob(*net->blob_by_name("conv1"), false); }),
            "");
}

TEST(NetMemory, PartialPassesAreRightOrRefused) {
  // Random forward and backward ranges against stock Caffe, whose blobs keep
  // whatever was last written there.
  std::mt19937 rng(7);
  const auto draw = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(rng);
  };
  int refused = 0, done = 0;
  for (int round = 0; round < 60; ++round) {
    const auto stock = MakeNet(InputData() + Body(), caffe::TRAIN);
    const auto shared = MakeNet(InputData() + Body(), caffe::TRAIN);
    OptimizeMemory(shared.get(), MemoryOptions());
    std::mt19937 same(round);
    FillInput(stock.get(), &same);
    same.seed(round);
    FillInput(shared.get(), &same);
    const int layers = static_cast<int>(stock->layers().size());
    for (int k = 0; k < 6; ++k) {
      const int start = draw(0, 2) ? 0 : draw(0, layers - 1);
      const int end = draw(0, 2) ? layers - 1 : draw(start, layers - 1);
      const bool backward = draw(0, 1);
      const std::string error = ErrorOf([&] {
        backward ? shared->BackwardFromTo(end, start)
                 : (void)shared->ForwardFromTo(start, end);
      });
      if (!error.empty()) {
        EXPECT_TRUE(Has(error, "exclude_blob")) << error;
        ++refused;
        break;
      }
      ++done;
      backward ? stock->BackwardFromTo(end, start)
               : (void)stock->ForwardFromTo(start, end);
      ASSERT_TRUE(SameBits(DataOf(*stock, "loss"), DataOf(*shared, "loss")));
      ASSERT_TRUE(SameBits(ParameterDiffs(*stock), ParameterDiffs(*shared)));
    }
  }
  EXPECT_GT(refused, 10);
  EXPECT_GT(done, 100);
}

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

// A layer type that the table doesn't know, and that does what none should: it
// reads everything, gradients of the last pass included.
template <typename Dtype>
class Hoarder : public caffe::Layer<Dtype> {
 public:
  using Blobs = std::vector<caffe::Blob<Dtype>*>;
  explicit Hoarder(const caffe::LayerParameter& param)
      : caffe::Layer<Dtype>(param) {}
  const char* type() const override { return "Hoarder"; }
  void Reshape(const Blobs& bottom, const Blobs& top) override {
    top[0]->ReshapeLike(*bottom[0]);
  }

 protected:
  void Forward_cpu(const Blobs& bottom, const Blobs& top) override {
    for (int i = 0; i < top[0]->count(); ++i) {
      Dtype& out = top[0]->mutable_cpu_data()[i];
      out = bottom[0]->cpu_data()[i] + Dtype(0.5) * out +
            bottom[0]->cpu_diff()[i];
    }
  }
  void Backward_cpu(const Blobs& top, const std::vector<bool>&,
                    const Blobs& bottom) override {
    for (int i = 0; i < top[0]->count(); ++i) {
      Dtype& diff = bottom[0]->mutable_cpu_diff()[i];
      diff = Dtype(0.1) * diff + top[0]->cpu_diff()[i] * top[0]->cpu_data()[i] *
                                     bottom[0]->cpu_data()[i];
    }
  }
};
TWO_STREAM_REGISTER_LAYER(Hoarder, Hoarder);

TEST(NetMemory, UnknownLayersKeepTheirBlobs) {
  const std::string hoarder =
      "layer { name: 'hoarder' type: 'Hoarder' bottom: 'conv2' top: 'hoard' "
      "}\n";
  const caffe::NetParameter net =
      ParseNet(RandomData() + Convolution(1, "data") + Convolution(2, "conv1") +
               hoarder + Convolution(3, "hoard") + Head("conv3"));
  const auto expected = TrainUnshared<float>(net, 5);
  MemoryOptions recompute = Poisoned();
  recompute.recompute = true;
  EXPECT_TRUE(SameBits(expected, TrainShared<float>(net, 5, Poisoned())));
  EXPECT_TRUE(SameBits(expected, TrainShared<float>(net, 5, recompute)));
}

TEST(NetMemory, RecomputeByHand) {
  const caffe::NetParameter net = ParseNet(RandomData() + Body());
  MemoryOptions options = Poisoned();
  options.recompute = true;
  options.recompute_blobs = {"conv1", "pool"};
  EXPECT_TRUE(SameBits(TrainUnshared<float>(net, 4),
                       TrainShared<float>(net, 4, options)));
  const auto made = MakeNet(RandomData() + Body(), caffe::TRAIN);
  OptimizeMemory(made.get(), options);
  std::vector<std::string> again;
  for (const Step& step : MemoryOf(*made)->schedule().steps) {
    if (step.kind == Step::RECOMPUTE) {
      again.push_back(made->layer_names()[step.layer]);
    }
  }
  // pool first, as conv3 needs it; conv2, which it needs, is not kept either.
  EXPECT_EQ(again, (std::vector<std::string>{"conv1", "relu1", "conv2", "relu2",
                                             "pool"}));
  options.recompute_blobs = {"conv9"};
  const auto other = MakeNet(RandomData() + Body(), caffe::TRAIN);
  EXPECT_TRUE(Has(ErrorOf([&] { OptimizeMemory(other.get(), options); }),
                  "no blob \"conv9\""));
}

TEST(NetMemory, RecomputeBudget) {
  std::string text = RandomData();
  for (int i = 1; i <= 16; ++i) {
    text += Convolution(i, i == 1 ? "data" : "conv" + std::to_string(i - 1));
  }
  text += Head("conv16");
  const auto summary = [&](bool recompute, size_t budget) {
    MemoryOptions options;
    options.recompute = recompute;
    options.budget_bytes = budget;
    const auto net = MakeNet(text, caffe::TRAIN);
    OptimizeMemory(net.get(), options);
    return MemoryOf(*net)->Summary();
  };
  const MemorySummary all = summary(false, 0);
  const MemorySummary least = summary(true, 0);
  EXPECT_EQ(all.recompute_share, 0);
  EXPECT_LT(least.planned, all.planned * 2 / 3);
  const size_t budget = (all.planned + least.planned) / 2;
  const MemorySummary some = summary(true, budget);
  EXPECT_LE(some.planned, budget);
  EXPECT_GT(some.recompute_share, 0);
  EXPECT_LT(some.recompute_share, least.recompute_share);
  EXPECT_EQ(summary(true, all.planned).recompute_share, 0);
  EXPECT_TRUE(Has(ErrorOf([&] { summary(true, 1000); }),
                  "needs 1; raise it, or lower the batch size"));
}

TEST(NetMemory, DebugInfoReadsOnlyWhatIsThere) {
  caffe::NetParameter net = ParseNet(RandomData() + Body());
  net.set_debug_info(true);
  EXPECT_TRUE(SameBits(TrainUnshared<float>(net, 2),
                       TrainShared<float>(net, 2, Poisoned())));
}

TEST(NetMemory, ForceBackwardGivesInputGradients) {
  const std::string text = "force_backward: true\n" + RandomData() + Body();
  const auto stock = MakeNet(text, caffe::TRAIN);
  const auto shared = MakeNet(text, caffe::TRAIN);
  OptimizeMemory(shared.get(), Poisoned());
  for (Net* net : {stock.get(), shared.get()}) {
    caffe::Caffe::set_random_seed(3);
    net->ForwardBackward();
  }
  EXPECT_TRUE(SameBits(DiffOf(*stock, "data"), DiffOf(*shared, "data")));
  const auto sum = DiffOf(*stock, "data");
  EXPECT_TRUE(std::any_of(sum.begin(), sum.end(),
                          [](float value) { return value != 0; }));
}

TEST(NetMemory, BlobsOutliveTheirNet) {
  auto net = MakeNet(RandomData() + Body(), caffe::TRAIN);
  OptimizeMemory(net.get(), MemoryOptions());
  net->ForwardBackward();
  const auto blob = net->blob_by_name("conv1");
  const auto reused = net->blob_by_name("conv2");
  boost::weak_ptr<caffe::SyncedMemory> other(
      net->blob_by_name("conv3")->data());
  const float first = blob->cpu_data()[0];
  net.reset();
  EXPECT_EQ(blob->cpu_data()[0], first);
  EXPECT_TRUE(other.expired());
  // And the guard outlives it too.
  EXPECT_NE(ErrorOf([&] { ClaimBlob(*reused, false); }), "");
}

TEST(NetMemory, OptionsFollowThePrototxt) {
  const auto options = [](const std::string& text, caffe::Phase phase) {
    return MemoryOptionsOf(ParseNet(text), phase);
  };
  EXPECT_TRUE(options("", caffe::TRAIN).enabled);
  EXPECT_FALSE(options("", caffe::TEST).enabled);
  EXPECT_FALSE(
      options("mem_param { optimize_train: false }", caffe::TRAIN).enabled);
  EXPECT_TRUE(
      options("mem_param { optimize_test: true }", caffe::TEST).enabled);
  EXPECT_FALSE(options("", caffe::TEST).backward);
  EXPECT_TRUE(options("force_backward: true", caffe::TEST).backward);
  const auto full = options(
      "mem_param { exclude_blob: 'a' exclude_blob: 'b' "
      "recompute { blob: 'c' budget_mb: 3 } }",
      caffe::TRAIN);
  EXPECT_EQ(full.excluded, (std::set<std::string>{"a", "b"}));
  EXPECT_TRUE(full.recompute);
  EXPECT_EQ(full.recompute_blobs, std::set<std::string>{"c"});
  EXPECT_EQ(full.budget_bytes, 3000000u);
}

}  // namespace
}  // namespace two_stream
