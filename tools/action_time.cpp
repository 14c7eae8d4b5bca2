// caffe time: forward and backward of a net, layer by layer.
#include <glog/logging.h>

#include <iomanip>
#include <vector>

#include "caffe/net.hpp"
#include "caffe/util/benchmark.hpp"
#include "caffe_ext/common/error.hpp"
#include "tools/action.hpp"
#include "tools/nets.hpp"

DEFINE_string(phase, "", "time: TRAIN (the default) or TEST.");

namespace two_stream {

static caffe::Phase PhaseFromFlag() {
  if (FLAGS_phase.empty() || FLAGS_phase == "TRAIN") return caffe::TRAIN;
  if (FLAGS_phase == "TEST") return caffe::TEST;
  throw UserError("-phase is TRAIN or TEST, not \"" + FLAGS_phase + "\"");
}

static int Time() {
  Require(FLAGS_model, "model", "the prototxt of the net to time");
  const caffe::Phase phase = PhaseFromFlag();
  UseDevice(DevicesFromFlag(FLAGS_gpu));
  auto net = MakeNet(FLAGS_model, phase, /*backward=*/true);

  // Once outside the clock: memory is allocated on first use.
  float loss;
  net->Forward(&loss);
  LOG(INFO) << "Initial loss: " << loss;
  net->Backward();

  const auto& layers = net->layers();
  std::vector<double> forward(layers.size(), 0), backward(layers.size(), 0);
  caffe::Timer total, pass, layer;
  double forward_sum = 0, backward_sum = 0;
  LOG(INFO) << "*** Benchmark begins ***";
  LOG(INFO) << "Testing for " << FLAGS_iterations << " iterations.";
  total.Start();
  for (int i = 0; i < FLAGS_iterations; ++i) {
    caffe::Timer iteration;
    iteration.Start();
    pass.Start();
    for (size_t j = 0; j < layers.size(); ++j) {
      layer.Start();
      net->ForwardFromTo(j, j);  // with its callbacks, unlike the layer's own
      forward[j] += layer.MicroSeconds();
    }
    forward_sum += pass.MicroSeconds();
    pass.Start();
    for (size_t j = layers.size(); j-- > 0;) {
      layer.Start();
      net->BackwardFromTo(j, j);
      backward[j] += layer.MicroSeconds();
    }
    backward_sum += pass.MicroSeconds();
    LOG(INFO) << "Iteration: " << i + 1
              << " forward-backward time: " << iteration.MilliSeconds()
              << " ms.";
  }
  total.Stop();

  const double per_ms = 1000.0 * FLAGS_iterations;
  LOG(INFO) << "Average time per layer: ";
  for (size_t j = 0; j < layers.size(); ++j) {
    const std::string& name = layers[j]->layer_param().name();
    LOG(INFO) << std::setw(10) << name << "\tforward: " << forward[j] / per_ms
              << " ms.";
    LOG(INFO) << std::setw(10) << name << "\tbackward: " << backward[j] / per_ms
              << " ms.";
  }
  LOG(INFO) << "Average Forward pass: " << forward_sum / per_ms << " ms.";
  LOG(INFO) << "Average Backward pass: " << backward_sum / per_ms << " ms.";
  LOG(INFO) << "Average Forward-Backward: "
            << total.MilliSeconds() / FLAGS_iterations << " ms.";
  LOG(INFO) << "Total Time: " << total.MilliSeconds() << " ms.";
  LOG(INFO) << "*** Benchmark ends ***";
  return 0;
}
static RegisterAction g_time("time", Time);

}  // namespace two_stream
