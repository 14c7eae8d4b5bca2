#include "tools/nets.hpp"

#include <glog/logging.h>

#include <boost/algorithm/string.hpp>
#include <vector>

#include "caffe_ext/common/error.hpp"
#include "caffe_ext/common/prototxt.hpp"
#include "caffe_ext/common/weights.hpp"
#include "caffe_ext/memory/optimize_memory.hpp"
#include "tools/action.hpp"

namespace two_stream {

using std::string;
using std::vector;

static vector<string> SplitFiles(const string& files) {
  vector<string> names;
  boost::split(names, files, boost::is_any_of(","));
  for (string& name : names) boost::trim(name);
  return names;
}

std::unique_ptr<caffe::Net<float>> MakeNet(const string& model,
                                           caffe::Phase phase, bool backward) {
  caffe::NetParameter param = ReadNetFile(model);
  param.mutable_state()->set_phase(phase);
  param.mutable_state()->set_level(FLAGS_level);
  for (const string& stage : StagesFromFlag()) {
    param.mutable_state()->add_stage(stage);
  }
  auto net = std::make_unique<caffe::Net<float>>(param);
  MemoryOptions memory = MemoryOptionsOf(param, phase);
  memory.backward |= backward;
  OptimizeMemory(net.get(), memory);
  return net;
}

void LoadWeights(const string& files, caffe::Net<float>* net) {
  for (const string& file : SplitFiles(files)) {
    if (boost::algorithm::ends_with(file, ".h5")) {
      net->CopyTrainedLayersFrom(file);
      continue;
    }
    const WeightMatch match = CopyWeights(file, net);
    RequireCopied(file, match);
    LOG(INFO) << "Weights " << file << ": " << Describe(match);
  }
}

}  // namespace two_stream
