#include "caffe_ext/parallel/run_state.hpp"

#include <set>
#include <sstream>

#include "caffe/util/rng.hpp"
#include "caffe_ext/common/data_cursor.hpp"

namespace two_stream {

template <typename Dtype>
LayerCursors SaveCursors(const caffe::Net<Dtype>& net) {
  LayerCursors cursors;
  for (int i = 0; i < net.layers().size(); ++i) {
    const auto* layer = dynamic_cast<DataCursor*>(net.layers()[i].get());
    if (!layer) continue;
    caffe::LayerCursor* cursor = cursors.Add();
    cursor->set_layer(net.layer_names()[i]);
    cursor->set_sample(layer->data_cursor());
  }
  return cursors;
}

template <typename Dtype>
void RestoreCursors(const LayerCursors& cursors, caffe::Net<Dtype>* net) {
  for (const caffe::LayerCursor& cursor : cursors) {
    if (!net->has_layer(cursor.layer())) continue;
    const auto layer = net->layer_by_name(cursor.layer());
    if (auto* place = dynamic_cast<DataCursor*>(layer.get())) {
      place->set_data_cursor(cursor.sample());
    }
  }
}

template <typename Dtype>
void ReplayCaffeData(int batches, caffe::Net<Dtype>* net) {
  static const std::set<std::string> kTypes = {"Data", "HDF5Data", "ImageData",
                                               "WindowData"};
  for (int i = 0; i < net->layers().size(); ++i) {
    caffe::Layer<Dtype>* layer = net->layers()[i].get();
    if (!kTypes.count(layer->type()) || batches == 0) continue;
    LOG(INFO) << "Layer " << net->layer_names()[i] << " (" << layer->type()
              << ") cannot seek: reading past " << batches << " batches.";
    for (int batch = 0; batch < batches; ++batch) {
      layer->Forward(net->bottom_vecs()[i], net->top_vecs()[i]);
    }
  }
}

std::string SaveGenerator() {
  std::ostringstream text;
  text << *caffe::caffe_rng();
  return text.str();
}

void RestoreGenerator(const std::string& text) {
  // Boost skips white space after the last word, which fails at the end.
  std::istringstream in(text + " ");
  in >> *caffe::caffe_rng();
  CHECK(!in.fail()) << "the solver state's generator cannot be read";
}

#define INSTANTIATE(Dtype)                                               \
  template LayerCursors SaveCursors(const caffe::Net<Dtype>&);           \
  template void RestoreCursors(const LayerCursors&, caffe::Net<Dtype>*); \
  template void ReplayCaffeData(int, caffe::Net<Dtype>*)
INSTANTIATE(float);
INSTANTIATE(double);
#undef INSTANTIATE

}  // namespace two_stream
