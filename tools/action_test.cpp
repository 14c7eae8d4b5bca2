// caffe test: scores a net on -iterations batches.
#include "tools/action.hpp"

#include <glog/logging.h>

#include <vector>

#include "caffe/net.hpp"
#include "caffe_ext/common/prototxt.hpp"
#include "caffe_ext/common/weights.hpp"
#include "tools/nets.hpp"

namespace two_stream {

using std::string;
using std::vector;

// One number of an output blob, summed over the batches.
struct Score {
  string name;
  float loss_weight;
  float sum;
};

static string LossSuffix(float weight, float value) {
  if (weight == 0) return "";
  return " (* " + std::to_string(weight) + " = " +
         std::to_string(weight * value) + " loss)";
}

static int Test() {
  Require(FLAGS_model, "model", "the prototxt of the net to score");
  Require(FLAGS_weights, "weights", "the .caffemodel to score");
  UseDevice(DevicesFromFlag(FLAGS_gpu));
  auto net = MakeNet(FLAGS_model, caffe::TEST);
  LoadWeights(FLAGS_weights, net.get());
  LOG(INFO) << "Running for " << FLAGS_iterations << " iterations.";

  vector<Score> scores;
  float loss = 0;
  for (int i = 0; i < FLAGS_iterations; ++i) {
    float batch_loss;
    const auto& outputs = net->Forward(&batch_loss);
    loss += batch_loss;
    size_t at = 0;
    for (size_t j = 0; j < outputs.size(); ++j) {
      const int blob = net->output_blob_indices()[j];
      const string& name = net->blob_names()[blob];
      const float* values = outputs[j]->cpu_data();
      for (int k = 0; k < outputs[j]->count(); ++k, ++at) {
        if (i == 0) scores.push_back({name, net->blob_loss_weights()[blob], 0});
        scores[at].sum += values[k];
        LOG(INFO) << "Batch " << i << ", " << name << " = " << values[k];
      }
    }
  }
  LOG(INFO) << "Loss: " << loss / FLAGS_iterations;
  for (const Score& score : scores) {
    const float mean = score.sum / FLAGS_iterations;
    LOG(INFO) << score.name << " = " << mean
              << LossSuffix(score.loss_weight, mean);
  }
  return 0;
}
static RegisterAction g_test("test", Test);

}  // namespace two_stream
