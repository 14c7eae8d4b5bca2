#ifndef TWO_STREAM_TESTS_MEMORY_RANDOM_NET_HPP_
#define TWO_STREAM_TESTS_MEMORY_RANDOM_NET_HPP_

#include <random>
#include <string>
#include <vector>

namespace two_stream {

// Prototxt of random training nets over most of Caffe's layer types: in place
// and not, with several readers of a blob, side branches that nobody
// differentiates, aliases and random masks.
class RandomNet {
 public:
  explicit RandomNet(uint32_t seed) : rng_(seed) {}

  // Input 3 x 4 x 6 x 6, label; `layers` random ones; a loss.
  std::string Text(int layers) {
    text_ =
        "layer { name: 'data' type: 'DummyData' top: 'data' top: 'label' "
        "dummy_data_param { shape { dim: 3 dim: 4 dim: 6 dim: 6 } "
        "shape { dim: 3 } data_filler { type: 'gaussian' std: 1 } "
        "data_filler { type: 'constant' value: 1 } } }\n";
    blobs_ = {{"data", 1}};  // never changed in place
    for (int i = 0; i < layers; ++i) AddRandom();
    Finish();
    return text_;
  }

 private:
  struct Blob {
    std::string name;
    int readers;
  };

  int Draw(int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(rng_);
  }
  std::string NewName() { return "b" + std::to_string(next_++); }

  // One of the latest blobs.
  Blob* Pick() {
    const int last = static_cast<int>(blobs_.size()) - 1;
    return &blobs_[last - std::min(last, Draw(0, Draw(0, 3)))];
  }
  std::string Read() {
    Blob* blob = Pick();
    ++blob->readers;
    return blob->name;
  }

  void Layer(const std::string& type, const std::vector<std::string>& bottoms,
             const std::vector<std::string>& tops, const std::string& param) {
    text_ +=
        "layer { name: 'l" + std::to_string(next_++) + "' type: '" + type + "'";
    for (const std::string& b : bottoms) text_ += " bottom: '" + b + "'";
    for (const std::string& t : tops) text_ += " top: '" + t + "'";
    text_ += " " + param + " }\n";
  }

  std::string Unary(const std::string& type, const std::string& bottom,
                    const std::string& param) {
    const std::string top = NewName();
    Layer(type, {bottom}, {top}, param);
    return top;
  }

  void Keep(const std::string& name) { blobs_.push_back({name, 0}); }

  std::string Convolution(const std::string& bottom, int kernel) {
    const std::string pad = std::to_string(kernel / 2);
    return Unary("Convolution", bottom,
                 "convolution_param { num_output: 4 kernel_size: " +
                     std::to_string(kernel) + " pad: " + pad +
                     (Draw(0, 3) == 0 ? " group: 2" : "") +
                     (Draw(0, 3) == 0 ? " bias_term: false" : "") +
                     " weight_filler { type: 'xavier' } }" +
                     (Draw(0, 5) == 0 ? " param { lr_mult: 0 }" : ""));
  }

  void AddUnary() {
    static const struct {
      const char* type;
      const char* param;
      bool in_place;
    } kinds[] = {
        {"AbsVal", "", false},
        {"BN", "", true},
        {"BN", "bn_param { frozen: true }", true},
        {"BN", "", true},
        {"BN", "bn_param { frozen: true }", true},
        {"BNLL", "", true},
        {"BatchNorm", "", true},
        {"BatchNorm", "batch_norm_param { use_global_stats: true }", true},
        {"Bias", "bias_param { filler { type: 'gaussian' } }", true},
        {"Clip", "clip_param { min: -1 max: 1 }", true},
        {"Dropout", "dropout_param { dropout_ratio: 0.4 }", true},
        {"ELU", "", true},
        {"Exp", "exp_param { scale: 0.1 }", true},
        {"LRN", "lrn_param { local_size: 3 }", false},
        {"LRN", "lrn_param { local_size: 3 norm_region: WITHIN_CHANNEL }",
         false},
        {"MVN", "", false},
        {"PReLU", "", true},
        {"Pooling", "pooling_param { pool: MAX kernel_size: 3 pad: 1 }", false},
        {"Pooling", "pooling_param { pool: AVE kernel_size: 3 pad: 1 }", false},
        {"Power", "power_param { power: 2 scale: 0.3 shift: 0.5 }", true},
        {"Power", "power_param { scale: 0.5 shift: 0.1 }", true},
        {"ReLU", "", true},
        {"ReLU", "relu_param { negative_slope: 0.1 }", true},
        {"ReLU", "", true},
        {"Scale", "scale_param { bias_term: true }", true},
        {"Sigmoid", "", true},
        {"Softmax", "", true},
        {"Swish", "", false},
        {"TanH", "", true},
    };
    const auto& kind = kinds[Draw(0, sizeof(kinds) / sizeof(kinds[0]) - 1)];
    Blob* blob = Pick();
    if (kind.in_place && blob->readers == 0 && Draw(0, 1)) {
      Layer(kind.type, {blob->name}, {blob->name}, kind.param);
    } else {
      Keep(Unary(kind.type, Read(), kind.param));
    }
  }

  void AddRandom() {
    switch (Draw(0, 13)) {
      case 0:
      case 1:
        return Keep(Convolution(Read(), 3));
      case 2:
        return Keep(Convolution(Read(), 1));
      case 3:
        return Keep(Unary("Deconvolution", Read(),
                          "convolution_param { num_output: 4 kernel_size: 3 "
                          "pad: 1 weight_filler { type: 'xavier' } }"));
      case 4: {  // two branches and back
        const std::string a = Read(), b = Read(), joined = NewName();
        Layer("Concat", {a, b}, {joined}, "");
        return Keep(Convolution(joined, 3));
      }
      case 5: {
        static const char* const operations[] = {"SUM", "PROD", "MAX"};
        const std::string top = NewName(), a = Read(), b = Read();
        const std::string operation = operations[Draw(0, 2)];
        Layer("Eltwise", {a, b}, {top},
              "eltwise_param { operation: " + operation +
                  (operation == "SUM" && Draw(0, 1) ? " coeff: 2 coeff: -1"
                                                    : "") +
                  " }");
        return Keep(Unary("TanH", top, ""));
      }
      case 6: {
        const std::string a = NewName(), b = NewName(), bottom = Read();
        Layer("Slice", {bottom}, {a, b}, "slice_param { slice_point: 2 }");
        const std::string joined = NewName();
        Layer("Concat", {b, a}, {joined}, "");
        return Keep(joined);
      }
      case 7: {
        const std::string flat = Unary("Flatten", Read(), "");
        return Keep(Unary("Reshape", flat,
                          "reshape_param { shape { dim: 0 dim: 4 dim: 6 "
                          "dim: 6 } }"));
      }
      case 8: {
        const std::string tiled =
            Unary("Tile", Read(), "tile_param { tiles: 2 }");
        return Keep(Convolution(tiled, 3));
      }
      case 9: {
        const std::string pooled =
            Unary("Pooling", Read(),
                  "pooling_param { pool: MAX kernel_size: 2 stride: 2 }");
        const std::string up =
            Unary("Deconvolution", pooled,
                  "convolution_param { num_output: 4 kernel_size: 4 stride: 2 "
                  "pad: 0 weight_filler { type: 'xavier' } }");
        const std::string top = NewName();
        Layer("Crop", {up, Read()}, {top}, "crop_param { axis: 2 offset: 1 }");
        return Keep(top);
      }
      case 10: {  // nobody learns from it
        const std::string top = Unary("Power", Read(), "");
        return Layer("Silence", {top}, {}, "");
      }
      case 11: {
        const std::string top = NewName(), a = Read(), b = Read();
        Layer("Scale", {a, b}, {top}, "scale_param { axis: 0 }");
        return Keep(Unary("TanH", top, ""));
      }
      default:
        return AddUnary();
    }
  }

  // Everything that is left is joined, scored and judged.
  void Finish() {
    std::vector<std::string> open;
    for (const Blob& blob : blobs_) {
      if (blob.readers == 0) open.push_back(blob.name);
    }
    if (open.empty()) open.push_back("data");
    std::string joined = open[0];
    if (open.size() > 1) {
      joined = NewName();
      Layer("Concat", open, {joined}, "");
    }
    Layer("InnerProduct", {joined}, {"hidden"},
          "inner_product_param { num_output: 5 "
          "weight_filler { type: 'xavier' } }");
    Layer("ReLU", {"hidden"}, {"hidden"}, "");
    Layer("Dropout", {"hidden"}, {"hidden"}, "");
    Layer("InnerProduct", {"hidden"}, {"score"},
          "inner_product_param { num_output: 3 "
          "weight_filler { type: 'xavier' } }");
    Layer("SoftmaxWithLoss", {"score", "label"}, {"loss"}, "");
    Layer("Accuracy", {"score", "label"}, {"accuracy"}, "");
    if (Draw(0, 2) == 0) {
      Layer("Power", {joined}, {"target"}, "power_param { shift: 0.3 }");
      Layer("EuclideanLoss", {joined, "target"}, {"distance"},
            "loss_weight: 0.01");
    }
  }

  std::mt19937 rng_;
  std::string text_;
  std::vector<Blob> blobs_;
  int next_ = 0;
};

}  // namespace two_stream

#endif  // TWO_STREAM_TESTS_MEMORY_RANDOM_NET_HPP_
