#include "caffe_ext/common/weights.hpp"

#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <set>
#include <sstream>

#include "caffe_ext/common/error.hpp"

namespace two_stream {

using std::string;

namespace {

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
  return net;
}

string Join(const std::vector<string>& names) {
  string text;
  for (const string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

WeightMatch MatchWeights(const string& file,
                         const std::vector<string>& layers_with_weights) {
  const caffe::NetParameter model = ReadModel(file);
  std::set<string> in_file;
  for (const auto& layer : model.layer()) {
    if (layer.blobs_size()) in_file.insert(layer.name());
  }
  for (const auto& layer : model.layers()) {  // V1
    if (layer.blobs_size()) in_file.insert(layer.name());
  }
  WeightMatch match;
  for (const string& name : layers_with_weights) {
    (in_file.erase(name) ? match.copied : match.fresh).push_back(name);
  }
  match.unused.assign(in_file.begin(), in_file.end());
  if (match.copied.empty() && !layers_with_weights.empty()) {
    throw UserError(file + ": none of its layers (" + Join(match.unused) +
                    ") is in the net, whose layers are " + Join(match.fresh) +
                    "; weights are copied by layer name: rename the layers or "
                    "train without -weights");
  }
  return match;
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
