#ifndef TWO_STREAM_TESTS_MEMORY_TRAINING_HPP_
#define TWO_STREAM_TESTS_MEMORY_TRAINING_HPP_

#include <gtest/gtest.h>

#include <boost/shared_ptr.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "caffe/sgd_solvers.hpp"
#include "caffe/util/upgrade_proto.hpp"
#include "caffe_ext/memory/optimize_memory.hpp"
#include "google/protobuf/text_format.h"

namespace two_stream {

inline caffe::NetParameter ParseNet(const std::string& text) {
  caffe::NetParameter param;
  CHECK(google::protobuf::TextFormat::ParseFromString(text, &param)) << text;
  caffe::UpgradeNetAsNeeded("test", &param);
  return param;
}

// A solver whose batches and weights follow from the seed.
template <typename Dtype>
std::unique_ptr<caffe::Solver<Dtype>> MakeSolver(const caffe::NetParameter& net,
                                                 int iter_size = 1) {
  caffe::SolverParameter param;
  param.mutable_net_param()->CopyFrom(net);
  param.set_base_lr(0.01f);
  param.set_momentum(0.9f);
  param.set_weight_decay(0.001f);
  param.set_lr_policy("fixed");
  param.set_max_iter(1000000);
  param.set_display(0);
  param.set_snapshot_after_train(false);
  param.set_random_seed(17);
  param.set_iter_size(iter_size);
  return std::make_unique<caffe::SGDSolver<Dtype>>(param);
}

// All parameters, one after another.
template <typename Dtype>
std::vector<Dtype> ParametersOf(const caffe::Net<Dtype>& net) {
  std::vector<Dtype> all;
  for (const auto* blob : net.learnable_params()) {
    all.insert(all.end(), blob->cpu_data(), blob->cpu_data() + blob->count());
  }
  return all;
}

template <typename Dtype>
testing::AssertionResult SameBits(const std::vector<Dtype>& a,
                                  const std::vector<Dtype>& b) {
  if (a.size() != b.size()) {
    return testing::AssertionFailure() << a.size() << " and " << b.size();
  }
  size_t differ = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    differ += std::memcmp(&a[i], &b[i], sizeof(Dtype)) != 0;
  }
  if (differ == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << differ << " of " << a.size() << " numbers differ";
}

// The parameters after some steps, the net's buffers shared as told.
template <typename Dtype>
std::vector<Dtype> TrainShared(const caffe::NetParameter& net, int steps,
                               const MemoryOptions& options,
                               int iter_size = 1) {
  auto solver = MakeSolver<Dtype>(net, iter_size);
  OptimizeMemory(solver->net().get(), options);
  solver->Step(steps);
  return ParametersOf(*solver->net());
}

// As stock Caffe lays memory out.
template <typename Dtype>
std::vector<Dtype> TrainUnshared(const caffe::NetParameter& net, int steps,
                                 int iter_size = 1) {
  MemoryOptions off;
  off.enabled = false;
  return TrainShared<Dtype>(net, steps, off, iter_size);
}

}  // namespace two_stream

#endif  // TWO_STREAM_TESTS_MEMORY_TRAINING_HPP_
