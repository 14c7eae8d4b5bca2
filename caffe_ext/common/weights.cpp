#include "caffe_ext/common/weights.hpp"

#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <set>
#include <sstream>

#include "caffe/util/upgrade_proto.hpp"
#include "caffe_ext/common/error.hpp"

namespace two_stream {

using std::string;

namespace {

using Shape = std::vector<int64_t>;

caffe::NetParameter ReadModel(const string& file) {
  const int fd = open(file.c_str(), O_RDONLY);
  if (fd < 0) {
    throw UserError(file + ": cannot be read (" + std::strerror(errno) +
                    "); it was asked for as weights");
  }
  caffe::NetParameter net;
  bool parsed;
  {
    google::protobuf::io::FileInputStream raw(fd);
    google::protobuf::io::CodedInputStream coded(&raw);
    coded.SetTotalBytesLimit(INT_MAX);
    parsed = net.ParseFromCodedStream(&coded);
  }
  close(fd);
  if (!parsed) throw UserError(file + ": is no .caffemodel, or a damaged one");
  caffe::UpgradeNetAsNeeded(file, &net);
  return net;
}

string Join(const std::vector<string>& names) {
  string text;
  for (const string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

Shape ShapeOf(const caffe::BlobProto& blob) {
  if (blob.has_shape()) {
    return Shape(blob.shape().dim().begin(), blob.shape().dim().end());
  }
  return {blob.num(), blob.channels(), blob.height(), blob.width()};
}

Shape WithoutOnes(Shape shape) {
  shape.erase(std::remove(shape.begin(), shape.end(), 1), shape.end());
  return shape;
}

string Show(const Shape& shape) {
  string text;
  for (int64_t size : shape) {
    text += (text.empty() ? "" : " x ") + std::to_string(size);
  }
  return text;
}

// Gives the blobs of a layer of a file the shapes of the net's. Throws
// UserError if that would move numbers.
void FitShapes(const string& file,
               const std::vector<boost::shared_ptr<caffe::Blob<float>>>& blobs,
               caffe::LayerParameter* source) {
  const auto refuse = [&](const string& have, const string& want) {
    throw UserError(file + ": layer " + source->name() + " has " + have +
                    ", in the net " + want +
                    "; give the layer another name to learn it afresh");
  };
  if (source->blobs_size() != static_cast<int>(blobs.size())) {
    refuse(std::to_string(source->blobs_size()) + " blobs",
           std::to_string(blobs.size()));
  }
  for (size_t i = 0; i < blobs.size(); ++i) {
    caffe::BlobProto* blob = source->mutable_blobs(i);
    const Shape have = ShapeOf(*blob);
    const Shape want(blobs[i]->shape().begin(), blobs[i]->shape().end());
    if (WithoutOnes(have) != WithoutOnes(want)) refuse(Show(have), Show(want));
    blob->clear_num();
    blob->clear_channels();
    blob->clear_height();
    blob->clear_width();
    blob->mutable_shape()->clear_dim();
    for (int64_t size : want) blob->mutable_shape()->add_dim(size);
  }
}

WeightMatch Match(const caffe::NetParameter& model,
                  const caffe::Net<float>& net) {
  std::set<string> in_file;
  for (const auto& layer : model.layer()) {
    if (layer.blobs_size()) in_file.insert(layer.name());
  }
  WeightMatch match;
  for (size_t i = 0; i < net.layers().size(); ++i) {
    if (net.layers()[i]->blobs().empty()) continue;
    const string& name = net.layer_names()[i];
    (in_file.erase(name) ? match.copied : match.fresh).push_back(name);
  }
  match.unused.assign(in_file.begin(), in_file.end());
  return match;
}

}  // namespace

WeightMatch CopyWeights(const string& file, caffe::Net<float>* net) {
  caffe::NetParameter model = ReadModel(file);
  for (caffe::LayerParameter& layer : *model.mutable_layer()) {
    if (!net->has_layer(layer.name())) continue;
    FitShapes(file, net->layer_by_name(layer.name())->blobs(), &layer);
  }
  net->CopyTrainedLayersFrom(model);
  return Match(model, *net);
}

void RequireCopied(const string& file, const WeightMatch& match) {
  if (!match.copied.empty() || match.fresh.empty()) return;
  throw UserError(file + ": none of its layers (" + Join(match.unused) +
                  ") is in the net, whose layers are " + Join(match.fresh) +
                  "; weights are copied by layer name: rename the layers or "
                  "train without -weights");
}

string Describe(const WeightMatch& match) {
  std::ostringstream text;
  text << "copied " << match.copied.size() << " layers";
  if (!match.fresh.empty()) text << "; fresh: " << Join(match.fresh);
  if (!match.unused.empty()) {
    text << "; in the file alone: " << Join(match.unused);
  }
  return text.str();
}

}  // namespace two_stream
