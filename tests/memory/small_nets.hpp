#ifndef TWO_STREAM_TESTS_MEMORY_SMALL_NETS_HPP_
#define TWO_STREAM_TESTS_MEMORY_SMALL_NETS_HPP_

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "caffe_ext/common/error.hpp"
#include "training.hpp"

namespace two_stream {

using Net = caffe::Net<float>;

inline std::string Convolution(int i, const std::string& bottom) {
  const std::string name = "conv" + std::to_string(i);
  return "layer { name: '" + name + "' type: 'Convolution' bottom: '" + bottom +
         "' top: '" + name +
         "' convolution_param { num_output: 4 kernel_size: 3 pad: 1 "
         "weight_filler { type: 'xavier' } } }\n"
         "layer { name: 'relu" +
         std::to_string(i) + "' type: 'ReLU' bottom: '" + name + "' top: '" +
         name + "' }\n";
}

inline std::string Head(const std::string& bottom) {
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

inline std::string Body() {
  return Convolution(1, "data") + Convolution(2, "conv1") +
         "layer { name: 'pool' type: 'Pooling' bottom: 'conv2' top: 'pool' "
         "pooling_param { pool: MAX kernel_size: 3 stride: 2 } }\n" +
         Convolution(3, "pool") + Convolution(4, "conv3") + Head("conv4");
}

// Random data, drawn anew for each pass.
inline std::string RandomData() {
  return "layer { name: 'data' type: 'DummyData' top: 'data' top: 'label' "
         "dummy_data_param { shape { dim: 3 dim: 2 dim: 9 dim: 9 } "
         "shape { dim: 3 } data_filler { type: 'gaussian' } "
         "data_filler { type: 'constant' value: 2 } } }\n";
}

// Data set by the test.
inline std::string InputData() {
  return "layer { name: 'data' type: 'Input' top: 'data' top: 'label' "
         "input_param { shape { dim: 3 dim: 2 dim: 9 dim: 9 } "
         "shape { dim: 3 } } }\n";
}

inline std::unique_ptr<Net> MakeNet(const std::string& text,
                                    caffe::Phase phase) {
  caffe::Caffe::set_random_seed(5);
  caffe::NetParameter param = ParseNet(text);
  param.mutable_state()->set_phase(phase);
  return std::make_unique<Net>(param);
}

inline void FillInput(Net* net, std::mt19937* rng) {
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

inline std::vector<float> DataOf(const Net& net, const std::string& name) {
  const auto blob = net.blob_by_name(name);
  return {blob->cpu_data(), blob->cpu_data() + blob->count()};
}

inline std::vector<float> DiffOf(const Net& net, const std::string& name) {
  const auto blob = net.blob_by_name(name);
  return {blob->cpu_diff(), blob->cpu_diff() + blob->count()};
}

inline std::vector<float> ParameterDiffs(const Net& net) {
  std::vector<float> all;
  for (const auto* blob : net.learnable_params()) {
    all.insert(all.end(), blob->cpu_diff(), blob->cpu_diff() + blob->count());
  }
  return all;
}

inline MemoryOptions Poisoned(bool backward = true) {
  MemoryOptions options;
  options.backward = backward;
  options.poison = true;
  return options;
}

inline std::string ErrorOf(const std::function<void()>& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

inline bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace two_stream

#endif  // TWO_STREAM_TESTS_MEMORY_SMALL_NETS_HPP_
