#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <sstream>
#include <thread>

#include "caffe/solver_factory.hpp"
#include "caffe_ext/common/register_layer.hpp"
#include "caffe_ext/common/run_context.hpp"
#include "caffe_ext/parallel/rank_context.hpp"
#include "caffe_ext/parallel/thread_communicator.hpp"
#include "tests/parallel/rank_runs.hpp"
#include "tests/parallel/sample_layer.hpp"

namespace two_stream {

TWO_STREAM_REGISTER_LAYER(TestSamples, TestSamplesLayer);

namespace {

// One layer; `rest` are further lines of text format.
std::string LayerText(const std::string& name, const std::string& type,
                      const std::string& bottom, const std::string& top,
                      const std::string& rest = "") {
  return "layer { name: \"" + name + "\" type: \"" + type + "\" bottom: \"" +
         bottom + "\" top: \"" + top + "\" " + rest + " }\n";
}

std::string ConvText(int outputs, const std::string& params) {
  return params +
         " convolution_param { num_output: " + std::to_string(outputs) +
         " kernel_size: 3 pad: 1 weight_filler { type: \"xavier\" } "
         "bias_filler { type: \"constant\" value: 0.1 } }";
}

std::string FullText(int outputs, const std::string& params = "") {
  return params +
         " inner_product_param { num_output: " + std::to_string(outputs) +
         " weight_filler { type: \"gaussian\" std: 0.2 } }";
}

std::string SharedParams(bool share, const std::string& name) {
  if (!share)
    return "param { lr_mult: 1 decay_mult: 1 } "
           "param { lr_mult: 2 decay_mult: 0 }";
  return "param { name: \"" + name + "_w\" } param { name: \"" + name +
         "_b\" }";
}

std::string DropoutText(const NetOptions& options, const std::string& name,
                        const std::string& blob) {
  if (options.dropout == 0) return "";
  return LayerText(name, "Dropout", blob, blob,
                   "dropout_param { dropout_ratio: " +
                       std::to_string(options.dropout) + " }");
}

}  // namespace

std::string NetText(const NetOptions& options) {
  std::ostringstream net;
  net << "name: \"small\"\n"
      << "layer { name: \"data\" type: \"TestSamples\" top: \"data\" "
         "top: \"label_local\" dummy_data_param { shape { dim: "
      << options.batch << " dim: 3 dim: 6 dim: 6 } } }\n";
  const std::string shared = SharedParams(options.share_conv, "conv");
  net << LayerText("conv1", "Convolution", "data", "conv1",
                   ConvText(4, SharedParams(false, "")))
      << LayerText("relu1", "ReLU", "conv1", "conv1")
      << DropoutText(options, "drop1", "conv1")
      << LayerText("conv2", "Convolution", "conv1", "conv2",
                   ConvText(4, shared))
      << LayerText("conv3", "Convolution", "conv2", "conv3",
                   ConvText(4, shared))
      << LayerText("pool", "Pooling", "conv3", "pool",
                   "pooling_param { pool: MAX kernel_size: 3 stride: 3 }");
  std::string features = "pool", label = "label_local";
  const std::string across = SharedParams(options.share_across, "across");
  if (options.share_across) {
    net << LayerText("before", "InnerProduct", "pool", "before",
                     FullText(16, across));
    features = "before";
  }
  if (options.gather) {
    net << "layer { name: \"gather\" type: \"Gather\" bottom: \"" << features
        << "\" bottom: \"label_local\" top: \"gathered\" top: \"label\" }\n";
    features = "gathered";
    label = "label";
  }
  net << LayerText("fc6", "InnerProduct", features, "fc6", FullText(16, across))
      << LayerText("relu6", "ReLU", "fc6", "fc6")
      << DropoutText(options, "drop6", "fc6")
      << LayerText("fc7", "InnerProduct", "fc6", "fc7", FullText(10))
      << DropoutText(options, "drop7", "fc7")
      << LayerText("fc8", "InnerProduct", "fc7", "fc8", FullText(5))
      << "layer { name: \"loss\" type: \"SoftmaxWithLoss\" bottom: \"fc8\" "
         "bottom: \""
      << label << "\" top: \"loss\" }\n"
      << "layer { name: \"accuracy\" type: \"Accuracy\" bottom: \"fc8\" "
         "bottom: \""
      << label << "\" top: \"accuracy\" include { phase: TEST } }\n";
  return net.str();
}

caffe::SolverParameter SolverFor(const NetOptions& options,
                                 const std::string& lines) {
  caffe::SolverParameter param;
  const bool has_momentum = lines.find("momentum") != std::string::npos;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "base_lr: 0.1 lr_policy: \"fixed\" random_seed: 3 solver_mode: CPU "
      "snapshot_after_train: false " +
          lines + (has_momentum ? "" : " momentum: 0.9"),
      &param));
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      NetText(options), param.mutable_net_param()));
  return param;
}

void AsRank(Communicator* communicator, const std::function<void()>& body) {
  const int rank = communicator->rank(), ranks = communicator->size();
  caffe::Caffe::set_mode(caffe::Caffe::CPU);
  caffe::Caffe::set_solver_count(ranks);
  caffe::Caffe::set_solver_rank(rank);
  ScopedRunContext context(RunContext{3, rank, ranks, true});
  ScopedCommunicator current(communicator);
  try {
    body();
  } catch (const std::exception& error) {
    communicator->Fail(error.what());
    ADD_FAILURE() << "rank " << rank << ": " << error.what();
  }
  caffe::Caffe::set_solver_count(1);
  caffe::Caffe::set_solver_rank(0);
}

void RunRanks(int ranks, const std::function<void(Communicator*)>& body) {
  auto communicators = MakeThreadCommunicators(ranks);
  std::vector<std::thread> threads;
  for (auto& communicator : communicators) {
    threads.emplace_back([&body, c = communicator.get()] {
      c->set_timeout(30);
      AsRank(c, [&] { body(c); });
    });
  }
  for (std::thread& thread : threads) thread.join();
}

template <typename Dtype>
Params<Dtype> TrainedOnThisRank(const caffe::SolverParameter& param, int steps,
                                size_t bucket_bytes,
                                Communicator* communicator) {
  std::unique_ptr<SyncSgd<Dtype>> sync;  // outlives the solver
  std::unique_ptr<caffe::Solver<Dtype>> solver(
      caffe::SolverRegistry<Dtype>::CreateSolver(param));
  if (communicator->size() > 1) {
    sync = std::make_unique<SyncSgd<Dtype>>(communicator, bucket_bytes,
                                            solver.get());
    sync->BroadcastParams();
  }
  for (int step = 0; step < steps; ++step) {
    solver->Step(1);
    if (sync) sync->CheckParams();
  }
  Params<Dtype> result;
  for (const auto* blob : solver->net()->learnable_params()) {
    result.emplace_back(blob->cpu_data(), blob->cpu_data() + blob->count());
  }
  return result;
}

template <typename Dtype>
Params<Dtype> TrainedParams(const caffe::SolverParameter& param, int ranks,
                            int steps, size_t bucket_bytes) {
  Params<Dtype> result;
  RunRanks(ranks, [&](Communicator* communicator) {
    Params<Dtype> params =
        TrainedOnThisRank<Dtype>(param, steps, bucket_bytes, communicator);
    if (communicator->rank() == 0) result = std::move(params);
  });
  return result;
}

template <typename Dtype>
double RelativeError(const Params<Dtype>& a, const Params<Dtype>& b) {
  EXPECT_EQ(a.size(), b.size());
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].size(), b[i].size());
    double error = 0, norm = 0;
    for (size_t j = 0; j < a[i].size(); ++j) {
      error += std::pow(double(a[i][j]) - b[i][j], 2);
      norm += std::pow(double(b[i][j]), 2);
    }
    worst = std::max(worst, std::sqrt(error / norm));
  }
  return worst;
}

#define INSTANTIATE(Dtype)                                                     \
  template Params<Dtype> TrainedOnThisRank(const caffe::SolverParameter&, int, \
                                           size_t, Communicator*);             \
  template Params<Dtype> TrainedParams(const caffe::SolverParameter&, int,     \
                                       int, size_t);                           \
  template double RelativeError(const Params<Dtype>&, const Params<Dtype>&)
INSTANTIATE(float);
INSTANTIATE(double);
#undef INSTANTIATE

}  // namespace two_stream
