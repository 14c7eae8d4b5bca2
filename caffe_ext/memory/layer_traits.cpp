#include "caffe_ext/memory/layer_traits.hpp"

#include <map>
#include <string>

namespace two_stream {
namespace {

enum Fact : unsigned {
  kBottom0 = 1u << 0,  // backward reads this data
  kBottom1 = 1u << 1,
  kBottom2 = 1u << 2,
  kAllBottoms = 1u << 3,
  kTop0 = 1u << 4,
  kTop1 = 1u << 5,
  kGpuBottom0 = 1u << 6,  // in GPU mode only (cuDNN)
  kGpuTop0 = 1u << 7,
  kRepeat = 1u << 8,  // LayerTraits::repeatable
  kShareData = 1u << 9,
  kShareDiff = 1u << 10,
  kPinTops = 1u << 11,
  kPinDiffs = 1u << 12,
  kGpuPinDiffs = 1u << 13,
  kOnlyDiff0 = 1u << 14,  // backward never writes the diff of bottoms 1, 2, ...
  kNone = 0,
};

// Where the facts depend on the layer's settings, the ones that hold in every
// case are listed and Adjust() adds the others. Missing on purpose, and so
// unknown: Filter (its shape depends on data), LSTM, RNN and SPP (nets inside),
// Python and Parameter.
const std::map<std::string, unsigned>& Table() {
  static const std::map<std::string, unsigned> table = {
      {"AbsVal", kBottom0 | kRepeat},
      {"Accuracy", kGpuPinDiffs},
      {"ArgMax", kNone},
      {"BN", kNone},
      {"BNLL", kBottom0 | kRepeat},
      {"BatchNorm", kNone},
      {"BatchReindex", kBottom1 | kOnlyDiff0 | kRepeat},
      {"Bias", kRepeat},
      {"Clip", kBottom0 | kRepeat},
      {"Concat", kRepeat},
      {"ContrastiveLoss", kBottom2 | kPinTops | kPinDiffs},
      {"Convolution", kRepeat},
      {"Crop", kOnlyDiff0 | kRepeat},
      {"Deconvolution", kRepeat},
      {"Dropout", kRepeat},
      {"ELU", kBottom0 | kTop0 | kRepeat},
      {"Eltwise", kRepeat},
      {"Embed", kBottom0 | kRepeat},
      {"EuclideanLoss", kPinTops | kPinDiffs},
      {"Exp", kTop0 | kRepeat},
      {"Flatten", kShareData | kShareDiff},
      {"Gather", kNone},
      {"HDF5Output", kNone},
      {"HingeLoss", kBottom1 | kPinTops | kPinDiffs | kOnlyDiff0},
      {"Im2col", kRepeat},
      {"InfogainLoss", kBottom1 | kBottom2 | kPinTops | kOnlyDiff0},
      {"InnerProduct", kRepeat},
      {"LRN", kBottom0 | kTop0 | kRepeat},
      {"Log", kBottom0 | kRepeat},
      {"MVN", kBottom0 | kTop0 | kRepeat},
      {"MultinomialLogisticLoss", kBottom0 | kBottom1 | kPinTops | kOnlyDiff0},
      {"PReLU", kBottom0 | kRepeat},
      {"Pooling", kTop1 | kGpuBottom0 | kGpuTop0 | kRepeat},
      {"Power", kBottom0 | kTop0 | kPinDiffs | kRepeat},
      {"ReLU", kBottom0 | kGpuTop0 | kRepeat},
      {"Reduction", kBottom0 | kRepeat},
      {"Reshape", kShareData | kShareDiff},
      {"Scale", kBottom0 | kBottom1 | kRepeat},
      {"Sigmoid", kTop0 | kGpuBottom0 | kRepeat},
      {"SigmoidCrossEntropyLoss",
       kBottom1 | kPinTops | kGpuPinDiffs | kOnlyDiff0},
      {"Silence", kNone},
      {"Slice", kRepeat},
      {"Softmax", kTop0 | kGpuBottom0 | kRepeat},
      {"SoftmaxWithLoss", kBottom1 | kPinTops | kGpuPinDiffs | kOnlyDiff0},
      {"Split", kShareData},
      {"Swish", kTop0 | kRepeat},
      {"TanH", kTop0 | kGpuBottom0 | kRepeat},
      {"Threshold", kRepeat},
      {"Tile", kRepeat},
  };
  return table;
}

// The facts that hang on the settings.
unsigned Adjust(const caffe::LayerParameter& param, const LayerUse& use) {
  const std::string& type = param.type();
  if (type == "Convolution" || type == "Deconvolution" ||
      type == "InnerProduct") {
    return use.learns_weights ? kAllBottoms : kNone;
  }
  if (type == "Eltwise" && param.eltwise_param().operation() ==
                               caffe::EltwiseParameter_EltwiseOp_PROD) {
    return kAllBottoms | kTop0;
  }
  // Otherwise forward blends the batch into the moving statistics.
  if (type == "BN") return param.bn_param().frozen() ? kRepeat : kBottom0;
  if ((type == "Concat" && use.bottoms == 1) ||
      (type == "Slice" && use.tops == 1)) {
    return kShareData | kShareDiff;
  }
  if (type == "Pooling" && param.pooling_param().pool() ==
                               caffe::PoolingParameter_PoolMethod_STOCHASTIC) {
    return kBottom0 | kTop0;
  }
  return kNone;
}

}  // namespace

LayerTraits TraitsOf(const caffe::LayerParameter& param, const LayerUse& use) {
  LayerTraits traits;
  const auto row = Table().find(param.type());
  if (row == Table().end()) return traits;
  const unsigned facts = row->second | Adjust(param, use);
  const auto has = [facts](unsigned fact) { return (facts & fact) != 0; };
  traits.known = true;
  traits.repeatable = has(kRepeat);
  if (param.type() == "Pooling" &&
      param.pooling_param().pool() ==
          caffe::PoolingParameter_PoolMethod_STOCHASTIC) {
    traits.repeatable = false;  // draws random numbers
  }
  // With one rank, and in test nets.
  traits.idle = param.type() == "Gather" && use.aliased;
  traits.shares_data = has(kShareData);
  traits.shares_diff = has(kShareDiff);
  traits.pins_tops = has(kPinTops);
  traits.pins_bottom_diffs = has(kPinDiffs) || (use.gpu && has(kGpuPinDiffs));
  for (int i = 0; i < use.bottoms; ++i) {
    traits.reads_bottom.push_back(has(kAllBottoms) ||
                                  (i < 3 && has(kBottom0 << i)) ||
                                  (i == 0 && use.gpu && has(kGpuBottom0)));
    traits.writes_bottom_diff.push_back(i == 0 || !has(kOnlyDiff0));
  }
  for (int i = 0; i < use.tops; ++i) {
    traits.reads_top.push_back((i < 2 && has(kTop0 << i)) ||
                               (i == 0 && use.gpu && has(kGpuTop0)));
  }
  return traits;
}

}  // namespace two_stream
