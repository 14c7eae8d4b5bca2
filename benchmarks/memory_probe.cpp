// Runs one of the shipped nets on random images and reports what it cost, as
// one line of JSON: peak resident memory, seconds an iteration, a digest of the
// results.
//   memory_probe NET.prototxt TRAIN|TEST BATCH ITERATIONS [MEM_PARAM]
// TRAIN: forward, backward, update. TEST: forward. MEM_PARAM is text that takes
// the place of the net's mem_param. Built twice: with stock Caffe only, and
// with the extension; PrepareNet() is the difference.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "benchmarks/prepare_net.hpp"
#include "caffe/caffe.hpp"
#include "caffe/util/upgrade_proto.hpp"
#include "google/protobuf/text_format.h"
#include "tools/synthetic_data.hpp"

namespace {

// A sum over the bits of all parameters: equal numbers give equal digests.
unsigned long long DigestOf(const caffe::Net<float>& net) {
  unsigned long long digest = 0;
  for (const auto* blob : net.learnable_params()) {
    const unsigned* bits = reinterpret_cast<const unsigned*>(blob->cpu_data());
    for (int i = 0; i < blob->count(); ++i) digest = digest * 31 + bits[i];
  }
  return digest;
}

double PeakMegabytes() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5 && argc != 6) {
    std::fprintf(stderr,
                 "usage: %s NET.prototxt TRAIN|TEST BATCH ITERATIONS "
                 "[MEM_PARAM]\n",
                 argv[0]);
    return 1;
  }
  google::InitGoogleLogging(argv[0]);
  const bool train = std::string(argv[2]) == "TRAIN";
  caffe::Caffe::set_random_seed(1);
  caffe::NetParameter param;
  caffe::ReadNetParamsFromTextFileOrDie(argv[1], &param);
  two_stream::UseSyntheticData(std::atoi(argv[3]), &param);
  if (argc == 6) {
    param.clear_mem_param();
    CHECK(google::protobuf::TextFormat::ParseFromString(
        argv[5], param.mutable_mem_param()));
  }
  param.mutable_state()->set_phase(train ? caffe::TRAIN : caffe::TEST);
  caffe::Net<float> net(param);
  PrepareNet(param, &net);

  std::vector<double> seconds;
  double loss_sum = 0;
  const int iterations = std::atoi(argv[4]);
  for (int i = 0; i < iterations; ++i) {
    const auto start = std::chrono::steady_clock::now();
    float loss = 0;
    if (train) net.ClearParamDiffs();
    net.Forward(&loss);
    if (train) net.Backward();
    const std::chrono::duration<double> spent =
        std::chrono::steady_clock::now() - start;
    seconds.push_back(spent.count());
    if (train) {
      for (auto* blob : net.learnable_params()) blob->scale_diff(1e-4f);
      net.Update();
    }
    loss_sum += loss;
  }
  for (int i = 0; !train && i < net.num_outputs(); ++i) {
    loss_sum += net.output_blobs()[i]->asum_data();
  }
  std::printf("{\"peak_mb\": %.1f, \"seconds\": [", PeakMegabytes());
  for (size_t i = 0; i < seconds.size(); ++i) {
    std::printf("%s%.4f", i > 0 ? ", " : "", seconds[i]);
  }
  std::printf("], \"result\": \"%.17g\", \"digest\": \"%llx\"}\n", loss_sum,
              train ? DigestOf(net) : 0ull);
  return 0;
}
