// N ranks with batch b do what one rank does with batch N x b.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>
#include <string>
#include <thread>

#include "caffe/solver_factory.hpp"
#include "tests/parallel/rank_runs.hpp"

namespace two_stream {
namespace {

constexpr int kSteps = 5;

template <typename Dtype>
void ExpectSameAsOneRank(NetOptions net, const std::string& solver_lines,
                         double tolerance, size_t bucket_bytes = 512) {
  const int batch = net.batch;
  for (int ranks : {2, 4}) {
    net.batch = batch * ranks;
    const auto alone =
        TrainedParams<Dtype>(SolverFor(net, solver_lines), 1, kSteps);
    net.batch = batch;
    const auto together = TrainedParams<Dtype>(SolverFor(net, solver_lines),
                                               ranks, kSteps, bucket_bytes);
    EXPECT_LT(RelativeError(together, alone), tolerance)
        << ranks << " ranks, solver " << solver_lines;
  }
}

void ExpectExact(const NetOptions& net, const std::string& solver_lines = "",
                 size_t bucket_bytes = 512) {
  ExpectSameAsOneRank<float>(net, solver_lines, 1e-5, bucket_bytes);
  ExpectSameAsOneRank<double>(net, solver_lines, 1e-11, bucket_bytes);
}

NetOptions Net(bool gather, double dropout) {
  NetOptions net;
  net.gather = gather;
  net.dropout = dropout;
  return net;
}

class SyncSgdTest : public testing::TestWithParam<bool> {
 protected:
  bool gather() const { return GetParam(); }
};

TEST_P(SyncSgdTest, IsExact) { ExpectExact(Net(gather(), 0)); }
TEST_P(SyncSgdTest, IsExactWithDropout) { ExpectExact(Net(gather(), 0.5)); }
TEST_P(SyncSgdTest, IsExactWithIterSize) {
  ExpectExact(Net(gather(), 0.5), "iter_size: 2");
}
TEST_P(SyncSgdTest, IsExactWithWeightDecayAndClipping) {
  ExpectExact(Net(gather(), 0.3), "weight_decay: 0.01 clip_gradients: 0.5");
}
TEST_P(SyncSgdTest, IsExactWithSharedWeights) {
  NetOptions net = Net(gather(), 0.3);
  net.share_conv = true;
  ExpectExact(net, "iter_size: 2 weight_decay: 0.01");
}
// Used both before and behind the Gather: part of the gradient is of this
// rank's samples, part of the whole batch.
TEST_P(SyncSgdTest, IsExactWithWeightsSharedAcrossTheGather) {
  NetOptions net = Net(gather(), 0);
  net.share_across = true;
  ExpectExact(net);
}
TEST_P(SyncSgdTest, IsExactInOneBucketToo) {
  ExpectExact(Net(gather(), 0.5), "", 1 << 20);
}
TEST_P(SyncSgdTest, IsExactWithOtherSolvers) {
  NetOptions net = Net(gather(), 0.5);
  ExpectExact(net, "type: \"Nesterov\"");
  ExpectExact(net, "type: \"AdaGrad\" momentum: 0");
  ExpectExact(net, "type: \"Adam\" momentum2: 0.99 delta: 1e-3");
  ExpectExact(net, "type: \"RMSProp\" rms_decay: 0.9 delta: 1e-3 momentum: 0");
  ExpectExact(net, "type: \"AdaDelta\" delta: 1e-4");
}

INSTANTIATE_TEST_SUITE_P(Gather, SyncSgdTest, testing::Bool());

// A test of the tests: what they compare depends on the options.
TEST(SyncSgdRuns, DifferWhereTheyShould) {
  const auto plain = TrainedParams<double>(SolverFor(Net(false, 0), ""), 2, 3);
  const auto dropped =
      TrainedParams<double>(SolverFor(Net(false, 0.5), ""), 2, 3);
  const auto decayed = TrainedParams<double>(
      SolverFor(Net(false, 0), "weight_decay: 0.01"), 2, 3);
  const auto clipped = TrainedParams<double>(
      SolverFor(Net(false, 0), "clip_gradients: 0.5"), 2, 3);
  const auto twice =
      TrainedParams<double>(SolverFor(Net(false, 0), "iter_size: 2"), 2, 3);
  EXPECT_GT(RelativeError(dropped, plain), 1e-2);
  EXPECT_GT(RelativeError(clipped, plain), 1e-4);
  EXPECT_GT(RelativeError(twice, plain), 1e-4);
  EXPECT_GT(RelativeError(decayed, plain), 1e-4);
}

TEST(SyncSgdRuns, GiveTheSameWithAndWithoutGather) {
  const auto without =
      TrainedParams<double>(SolverFor(Net(false, 0), ""), 3, kSteps);
  const auto with =
      TrainedParams<double>(SolverFor(Net(true, 0), ""), 3, kSteps);
  EXPECT_LT(RelativeError(with, without), 1e-11);
}

TEST(SyncSgdRuns, FindParametersThatDiffer) {
  RunRanks(3, [](Communicator* communicator) {
    std::unique_ptr<SyncSgd<float>> sync;
    std::unique_ptr<caffe::Solver<float>> solver(
        caffe::SolverRegistry<float>::CreateSolver(
            SolverFor(Net(true, 0.5), "")));
    sync = std::make_unique<SyncSgd<float>>(communicator, 512, solver.get());
    sync->BroadcastParams();
    solver->Step(2);
    sync->CheckParams();
    if (communicator->rank() == 2) {
      float* bias = solver->net()->learnable_params()[7]->mutable_cpu_data();
      bias[3] = std::nextafter(bias[3], 10.f);
    }
    try {
      sync->CheckParams();
      ADD_FAILURE() << "rank " << communicator->rank() << " saw nothing";
    } catch (const CommunicatorError& error) {
      EXPECT_EQ(2, error.blame());
      EXPECT_EQ(
          "after iteration 2, parameter fc6 [1] of rank 0 and of rank 2 differ",
          std::string(error.what()));
    }
    solver.reset();
  });
}

// With a Gather only the layers before it are communicated.
TEST(SyncSgdRuns, CommunicateWhatThePlanSays) {
  for (bool gather : {false, true}) {
    RunRanks(2, [gather](Communicator* communicator) {
      std::unique_ptr<SyncSgd<float>> sync;
      std::unique_ptr<caffe::Solver<float>> solver(
          caffe::SolverRegistry<float>::CreateSolver(
              SolverFor(Net(gather, 0), "iter_size: 3")));
      sync = std::make_unique<SyncSgd<float>>(communicator, 512, solver.get());
      size_t all = 0, fully_connected = 0;
      for (const auto& layer : solver->net()->layers()) {
        for (const auto& blob : layer->blobs()) {
          const size_t bytes = (blob->count() + 15) / 16 * 16 * sizeof(float);
          all += bytes;
          if (layer->type() == std::string("InnerProduct")) {
            fully_connected += bytes;
          }
        }
      }
      const uint64_t before = communicator->traffic().payload_bytes;
      solver->Step(1);
      // Once a step, not once a pass; features and labels at each pass.
      const size_t expected =
          gather ? all - fully_connected + 3 * 4 * (4 * 2 * 2 + 1) * 4 : all;
      EXPECT_EQ(expected, communicator->traffic().payload_bytes - before);
      solver.reset();
    });
  }
}

// Says that it is one between GPUs, and notes for each all-reduce whether the
// backward pass was over.
class AsOfDevices : public Communicator, public caffe::Net<float>::Callback {
 public:
  explicit AsOfDevices(Communicator* threads)
      : Communicator(threads->rank(), threads->size()), threads_(threads) {}
  const char* transport() const override { return "test"; }
  bool on_device() const override { return true; }
  void BeginStep() {
    over_ = false;
    early_ = 0;
  }
  // All-reduces of this step that began before the end of the backward pass.
  int early() const { return early_; }

 protected:
  void Execute(const Collective& call, const void* sent,
               void* received) override {
    if (call.kind == Collective::Kind::kAllReduce && !over_) ++early_;
    threads_->Call(call, sent, received);
  }
  void run(int layer) override {
    // Gives the queue's thread the time to begin what it has been given.
    if (layer == 1) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (layer == 0) over_ = true;
  }

 private:
  Communicator* const threads_;
  std::atomic<bool> over_{false};
  std::atomic<int> early_{0};
};

// Layers still take memory then, for which CUDA may have to wait until all that
// runs on a GPU is over.
TEST(SyncSgdOnDevices, TheFirstStepOverlapsNothing) {
  RunRanks(2, [](Communicator* threads) {
    AsOfDevices communicator(threads);
    std::unique_ptr<SyncSgd<float>> sync;
    std::unique_ptr<caffe::Solver<float>> solver(
        caffe::SolverRegistry<float>::CreateSolver(
            SolverFor(Net(false, 0), "")));
    solver->net()->add_after_backward(&communicator);  // before SyncSgd's
    sync = std::make_unique<SyncSgd<float>>(&communicator, 512, solver.get());
    sync->BroadcastParams();
    for (int step = 0; step < 3; ++step) {
      communicator.BeginStep();
      solver->Step(1);
      EXPECT_EQ(communicator.early() > 0, step > 0);
      sync->CheckParams();
    }
  });
}

}  // namespace
}  // namespace two_stream
