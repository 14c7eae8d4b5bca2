// Nets whose buffers are shared, in all the ways that nets are used.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/weak_ptr.hpp>
#include <functional>
#include <random>
#include <sstream>
#include <string>

#include "caffe_ext/common/register_layer.hpp"
#include "caffe_ext/memory/problem_file.hpp"
#include "small_nets.hpp"
#include "tools/synthetic_data.hpp"

namespace two_stream {
namespace {

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
