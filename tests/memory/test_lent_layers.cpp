// Our Convolution and ReLU against Caffe's own, bit for bit.
#include <gtest/gtest.h>

#include <boost/make_shared.hpp>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "caffe/filler.hpp"
#include "caffe/layers/conv_layer.hpp"
#include "caffe/layers/relu_layer.hpp"
#include "caffe_ext/memory/convolution_layer.hpp"
#include "caffe_ext/memory/planner.hpp"
#include "caffe_ext/memory/relu_layer.hpp"
#include "google/protobuf/text_format.h"

namespace two_stream {
namespace {

template <typename Dtype>
void Randomize(Dtype* values, int count, std::mt19937* rng) {
  std::normal_distribution<Dtype> normal;
  for (int i = 0; i < count; ++i) values[i] = normal(*rng);
}

template <typename Dtype>
std::vector<Dtype> Copy(const Dtype* values, int count) {
  return std::vector<Dtype>(values, values + count);
}

template <typename Dtype>
bool SameBits(const std::vector<Dtype>& a, const std::vector<Dtype>& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), a.size() * sizeof(Dtype)) == 0;
}

// One layer with its own bottom and top.
template <typename Dtype>
struct Bench {
  caffe::Blob<Dtype> bottom, top;
  std::vector<caffe::Blob<Dtype>*> bottoms = {&bottom}, tops = {&top};

  void SetUp(caffe::Layer<Dtype>* layer, const std::vector<int>& shape) {
    bottom.Reshape(shape);
    layer->SetUp(bottoms, tops);
  }
};

caffe::LayerParameter Parse(const std::string& text) {
  caffe::LayerParameter param;
  CHECK(google::protobuf::TextFormat::ParseFromString(text, &param)) << text;
  param.set_phase(caffe::TRAIN);
  return param;
}

struct ConvolutionCase {
  std::vector<int> shape;
  std::string settings;
};

const ConvolutionCase kConvolutions[] = {
    {{3, 4, 7, 9}, "num_output: 6 kernel_size: 3 pad: 1"},
    {{2, 4, 9, 8}, "num_output: 3 kernel_size: 3 stride: 2"},
    {{4, 2, 6, 6}, "num_output: 5 kernel_size: 1"},
    {{2, 2, 6, 6}, "num_output: 5 kernel_size: 1 stride: 2"},
    {{2, 4, 8, 8}, "num_output: 6 kernel_size: 3 group: 2 pad: 2"},
    {{2, 3, 9, 9}, "num_output: 2 kernel_size: 3 dilation: 2"},
    {{3, 2, 7, 7}, "num_output: 2 kernel_h: 3 kernel_w: 1 bias_term: false"},
    {{2, 2, 7, 7}, "num_output: 2 kernel_size: 3 force_nd_im2col: true"},
    {{2, 2, 5, 6, 4}, "num_output: 3 kernel_size: 3 pad: 1"},
    {{2, 3, 12}, "num_output: 4 kernel_size: 5 stride: 2"},
    {{1, 3, 6, 6}, "num_output: 4 kernel_size: 3"},
};

template <typename Dtype>
void CompareConvolution(const ConvolutionCase& test, bool lend) {
  SCOPED_TRACE(test.settings);
  std::mt19937 rng(3);
  const caffe::LayerParameter param =
      Parse("type: 'Convolution' convolution_param { " + test.settings + " }");
  caffe::ConvolutionLayer<Dtype> stock(param);
  ConvolutionLayer<Dtype> ours(param);
  Bench<Dtype> a, b;
  a.SetUp(&stock, test.shape);
  b.SetUp(&ours, test.shape);
  ASSERT_EQ(a.top.shape(), b.top.shape());
  for (size_t i = 0; i < stock.blobs().size(); ++i) {
    caffe::Blob<Dtype>* weights = stock.blobs()[i].get();
    Randomize(weights->mutable_cpu_data(), weights->count(), &rng);
    ours.blobs()[i]->CopyFrom(*weights);
  }
  if (lend && ours.ScratchBytes() > 0) {
    auto scratch = boost::make_shared<caffe::SyncedMemory>(ours.ScratchBytes());
    std::memset(scratch->mutable_cpu_data(), 0xff, ours.ScratchBytes());
    ours.LendScratch(scratch);
  }
  Randomize(a.bottom.mutable_cpu_data(), a.bottom.count(), &rng);
  b.bottom.CopyFrom(a.bottom);
  for (int round = 0; round < 2; ++round) {  // parameter diffs accumulate
    stock.Forward(a.bottoms, a.tops);
    ours.Forward(b.bottoms, b.tops);
    ASSERT_TRUE(SameBits(Copy(a.top.cpu_data(), a.top.count()),
                         Copy(b.top.cpu_data(), b.top.count())));
    Randomize(a.top.mutable_cpu_diff(), a.top.count(), &rng);
    b.top.CopyFrom(a.top, true);
    stock.Backward(a.tops, {true}, a.bottoms);
    ours.Backward(b.tops, {true}, b.bottoms);
    ASSERT_TRUE(SameBits(Copy(a.bottom.cpu_diff(), a.bottom.count()),
                         Copy(b.bottom.cpu_diff(), b.bottom.count())));
    for (size_t i = 0; i < stock.blobs().size(); ++i) {
      const auto& blob = *stock.blobs()[i];
      ASSERT_TRUE(SameBits(Copy(blob.cpu_diff(), blob.count()),
                           Copy(ours.blobs()[i]->cpu_diff(), blob.count())));
    }
  }
}

TEST(LentConvolution, SameBitsAsCaffes) {
  for (const ConvolutionCase& test : kConvolutions) {
    for (bool lend : {false, true}) {
      CompareConvolution<float>(test, lend);
      CompareConvolution<double>(test, lend);
    }
  }
}

TEST(LentConvolution, AllocatesNoGradientThatNobodyWants) {
  std::mt19937 rng(4);
  ConvolutionLayer<float> layer(
      Parse("type: 'Convolution' convolution_param { num_output: 2 "
            "kernel_size: 3 }"));
  Bench<float> bench;
  bench.SetUp(&layer, {2, 2, 5, 5});
  Randomize(bench.bottom.mutable_cpu_data(), bench.bottom.count(), &rng);
  layer.Forward(bench.bottoms, bench.tops);
  layer.Backward(bench.tops, {false}, bench.bottoms);
  EXPECT_EQ(bench.bottom.diff()->head(), caffe::SyncedMemory::UNINITIALIZED);
}

// Output images laid over input images as tightly as the layer says it bears.
TEST(LentConvolution, OutputMayOverlayItsInput) {
  for (const ConvolutionCase& test : kConvolutions) {
    SCOPED_TRACE(test.settings);
    std::mt19937 rng(5);
    ConvolutionLayer<float> layer(Parse(
        "type: 'Convolution' convolution_param { " + test.settings +
        " weight_filler { type: 'gaussian' } bias_filler { type: 'gaussian' "
        "} }"));
    Bench<float> bench;
    bench.SetUp(&layer, test.shape);
    const ImageByImage::Images images = layer.ImagesOfCall();
    if (images.count == 0) continue;
    const int in = bench.bottom.count(), out = bench.top.count();
    std::vector<float> input(in), output_diff(out);
    Randomize(input.data(), in, &rng);
    Randomize(output_diff.data(), out, &rng);
    // Apart.
    std::copy(input.begin(), input.end(), bench.bottom.mutable_cpu_data());
    layer.Forward(bench.bottoms, bench.tops);
    const auto output = Copy(bench.top.cpu_data(), out);
    std::copy(output_diff.begin(), output_diff.end(),
              bench.top.mutable_cpu_diff());
    layer.Backward(bench.tops, {true}, bench.bottoms);
    const auto input_diff = Copy(bench.bottom.cpu_diff(), in);
    // Together.
    const auto offsets = [&](size_t read, size_t write, float* base,
                             float** reader, float** writer) {
      const int64_t lead =
          OverlayLead(images.count, read, write) / int64_t{sizeof(float)};
      *reader = base + std::max<int64_t>(lead, 0);
      *writer = base + std::max<int64_t>(-lead, 0);
    };
    std::vector<float> memory(2 * (in + out));
    float *reader, *writer;
    offsets(images.bottom_bytes, images.top_bytes, memory.data(), &reader,
            &writer);
    std::copy(input.begin(), input.end(), reader);
    bench.bottom.data()->set_cpu_data(reader);
    bench.top.data()->set_cpu_data(writer);
    layer.Forward(bench.bottoms, bench.tops);
    EXPECT_TRUE(SameBits(output, Copy(bench.top.cpu_data(), out)));
    // Backward: the gradient of the input over that of the output, and over
    // the input itself.
    bench.bottom.data()->set_cpu_data(input.data());
    offsets(images.top_bytes, images.bottom_bytes, memory.data(), &reader,
            &writer);
    std::copy(output_diff.begin(), output_diff.end(), reader);
    bench.top.diff()->set_cpu_data(reader);
    bench.bottom.diff()->set_cpu_data(writer);
    layer.Backward(bench.tops, {true}, bench.bottoms);
    EXPECT_TRUE(SameBits(input_diff, Copy(bench.bottom.cpu_diff(), in)));
    bench.top.diff()->set_cpu_data(output_diff.data());
    bench.bottom.diff()->set_cpu_data(input.data());
    layer.Backward(bench.tops, {true}, bench.bottoms);
    EXPECT_TRUE(SameBits(input_diff, Copy(bench.bottom.cpu_diff(), in)));
  }
}

template <typename Dtype>
void CompareReLU(int count, const std::string& settings) {
  SCOPED_TRACE(settings + " " + std::to_string(count));
  std::mt19937 rng(6);
  const auto param = Parse("type: 'ReLU' relu_param { " + settings + " }");
  caffe::ReLULayer<Dtype> stock(param);
  ReLULayer<Dtype> ours(param);
  Bench<Dtype> a, b;
  a.SetUp(&stock, {count});
  b.SetUp(&ours, {count});
  std::vector<Dtype> input(count);
  Randomize(input.data(), count, &rng);
  for (int i = 0; i < count; i += 5) input[i] = i % 2 ? Dtype(0) : -Dtype(0);
  std::copy(input.begin(), input.end(), a.bottom.mutable_cpu_data());
  std::copy(input.begin(), input.end(), b.bottom.mutable_cpu_data());
  stock.Forward(a.bottoms, a.tops);
  auto signs = boost::make_shared<caffe::SyncedMemory>(ours.SignBytes());
  ours.LendSigns(signs);
  ours.Forward(b.bottoms, b.tops);
  EXPECT_TRUE(
      SameBits(Copy(a.top.cpu_data(), count), Copy(b.top.cpu_data(), count)));
  Randomize(a.top.mutable_cpu_diff(), count, &rng);
  b.top.CopyFrom(a.top, true);
  stock.Backward(a.tops, {true}, a.bottoms);
  caffe::caffe_set(count, Dtype(NAN), b.bottom.mutable_cpu_data());
  ours.Backward(b.tops, {true}, b.bottoms);
  EXPECT_TRUE(SameBits(Copy(a.bottom.cpu_diff(), count),
                       Copy(b.bottom.cpu_diff(), count)));
  // In place.
  Bench<Dtype> c;
  c.tops = c.bottoms;
  c.SetUp(&ours, {count});
  std::copy(input.begin(), input.end(), c.bottom.mutable_cpu_data());
  ours.Forward(c.bottoms, c.tops);
  EXPECT_TRUE(SameBits(Copy(a.top.cpu_data(), count),
                       Copy(c.bottom.cpu_data(), count)));
  c.bottom.CopyFrom(a.top, true);
  ours.Backward(c.tops, {true}, c.bottoms);
  EXPECT_TRUE(SameBits(Copy(a.bottom.cpu_diff(), count),
                       Copy(c.bottom.cpu_diff(), count)));
}

TEST(SignKeepingReLU, SameBitsAsCaffes) {
  for (int count : {1, 5, 63, 64, 65, 128, 1000}) {
    for (const char* settings : {"", "negative_slope: 0.25"}) {
      CompareReLU<float>(count, settings);
      CompareReLU<double>(count, settings);
    }
  }
}

}  // namespace
}  // namespace two_stream
