#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <random>

#include "caffe/layer_factory.hpp"
#include "caffe/solver_factory.hpp"
#include "caffe_ext/common/error.hpp"
#include "caffe_ext/parallel/replication.hpp"
#include "tests/parallel/rank_runs.hpp"

namespace two_stream {
namespace {

using caffe::Blob;

caffe::LayerParameter GatherParam(caffe::Phase phase) {
  caffe::LayerParameter param;
  param.set_name("gather");
  param.set_type("Gather");
  param.set_phase(phase);
  return param;
}

// Two pairs: features 3 x 2 x 5 and labels 3 on each rank.
struct Pairs {
  Blob<double> features{std::vector<int>{3, 2, 5}};
  Blob<double> labels{std::vector<int>{3}};
  Blob<double> all_features, all_labels;
  std::vector<Blob<double>*> bottom{&features, &labels};
  std::vector<Blob<double>*> top{&all_features, &all_labels};

  explicit Pairs(int rank) {
    for (int i = 0; i < 30; ++i) {
      features.mutable_cpu_data()[i] = 100 * rank + i;
    }
    for (int i = 0; i < 3; ++i) labels.mutable_cpu_data()[i] = 10 * rank + i;
  }
};

TEST(GatherLayer, HandsOutAllSamplesInRankOrder) {
  for (int ranks : {2, 3}) {
    RunRanks(ranks, [&](Communicator* communicator) {
      Pairs pairs(communicator->rank());
      auto layer =
          caffe::LayerRegistry<double>::CreateLayer(GatherParam(caffe::TRAIN));
      layer->SetUp(pairs.bottom, pairs.top);
      EXPECT_EQ((std::vector<int>{3 * ranks, 2, 5}),
                pairs.all_features.shape());
      EXPECT_EQ(std::vector<int>{3 * ranks}, pairs.all_labels.shape());
      layer->Forward(pairs.bottom, pairs.top);
      for (int i = 0; i < 30 * ranks; ++i) {
        EXPECT_EQ(100 * (i / 30) + i % 30, pairs.all_features.cpu_data()[i]);
      }
      for (int i = 0; i < 3 * ranks; ++i) {
        EXPECT_EQ(10 * (i / 3) + i % 3, pairs.all_labels.cpu_data()[i]);
      }

      for (int i = 0; i < 30 * ranks; ++i) {
        pairs.all_features.mutable_cpu_diff()[i] = i;
      }
      pairs.labels.mutable_cpu_diff()[0] = 77;
      layer->Backward(pairs.top, {true, false}, pairs.bottom);
      for (int i = 0; i < 30; ++i) {
        EXPECT_EQ(ranks * (30 * communicator->rank() + i),
                  pairs.features.cpu_diff()[i]);
      }
      EXPECT_EQ(77, pairs.labels.cpu_diff()[0]);
    });
  }
}

void ExpectPassThrough(caffe::Phase phase) {
  Pairs pairs(0);
  auto layer = caffe::LayerRegistry<double>::CreateLayer(GatherParam(phase));
  layer->SetUp(pairs.bottom, pairs.top);
  layer->Forward(pairs.bottom, pairs.top);
  EXPECT_EQ(pairs.features.shape(), pairs.all_features.shape());
  EXPECT_EQ(pairs.features.cpu_data(), pairs.all_features.cpu_data());
  EXPECT_EQ(pairs.features.cpu_diff(), pairs.all_features.cpu_diff());
  layer->Backward(pairs.top, {true, false}, pairs.bottom);
}

TEST(GatherLayer, SharesMemoryWithOneRank) {
  ExpectPassThrough(caffe::TRAIN);
  RunRanks(1, [](Communicator*) { ExpectPassThrough(caffe::TRAIN); });
}

TEST(GatherLayer, SharesMemoryInTestNets) {
  RunRanks(2, [](Communicator*) { ExpectPassThrough(caffe::TEST); });
}

TEST(GatherLayer, RefusesToWorkInPlace) {
  Pairs pairs(0);
  pairs.top = pairs.bottom;
  caffe::LayerParameter param = GatherParam(caffe::TRAIN);
  param.add_top("pool5");
  param.add_top("label");
  auto layer = caffe::LayerRegistry<double>::CreateLayer(param);
  EXPECT_THROW(layer->SetUp(pairs.bottom, pairs.top), UserError);
}

TEST(ReplicatedLayers, AreThoseBehindTheGather) {
  RunRanks(2, [](Communicator*) {
    NetOptions options;
    options.gather = true;
    options.dropout = 0.5;
    caffe::NetParameter param;
    google::protobuf::TextFormat::ParseFromString(NetText(options), &param);
    param.mutable_state()->set_phase(caffe::TRAIN);
    caffe::Net<float> net(param);
    const std::vector<bool> replicated = ReplicatedLayers(net);
    for (int i = 0; i < net.layers().size(); ++i) {
      const std::string& name = net.layer_names()[i];
      const bool behind = name.compare(0, 2, "fc") == 0 || name == "relu6" ||
                          name == "drop6" || name == "drop7" || name == "loss";
      EXPECT_EQ(behind, replicated[i]) << name;
    }
    for (const PlannedParam& p : PlannedParams(net, replicated)) {
      EXPECT_EQ(replicated[p.first_layer], p.replicated);
    }
  });
}

TEST(ReplicatedLayers, MayNotMixInThisRanksSamples) {
  RunRanks(2, [](Communicator*) {
    caffe::NetParameter param;
    google::protobuf::TextFormat::ParseFromString(
        "layer { name: \"d\" type: \"DummyData\" top: \"own\" dummy_data_param "
        "{"
        " shape { dim: 4 dim: 5 } } }"
        "layer { name: \"f\" type: \"DummyData\" top: \"feature\" "
        "dummy_data_param { shape { dim: 4 dim: 5 } } }"
        "layer { name: \"g\" type: \"Gather\" bottom: \"feature\" "
        "top: \"all\" }"
        "layer { name: \"sum\" type: \"Concat\" bottom: \"all\" "
        "bottom: \"own\" top: \"mix\" concat_param { axis: 0 } }",
        &param);
    param.mutable_state()->set_phase(caffe::TRAIN);
    caffe::Net<float> net(param);
    try {
      ReplicatedLayers(net);
      ADD_FAILURE() << "not refused";
    } catch (const UserError& error) {
      EXPECT_EQ(
          "layer sum reads \"own\" of this rank beside the whole batch; let it "
          "pass through the Gather layer too",
          std::string(error.what()));
    }
  });
}

}  // namespace
}  // namespace two_stream
