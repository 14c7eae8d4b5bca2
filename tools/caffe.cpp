// The `caffe` command: upstream's actions and flags, over Caffe's library and
// ours.
#include <glog/logging.h>

#include <boost/algorithm/string.hpp>
#include <boost/lexical_cast.hpp>
#include <boost/python/errors.hpp>
#include <iostream>

#include "caffe/common.hpp"
#include "caffe_ext/common/device.hpp"
#include "caffe_ext/common/error.hpp"
#include "tools/action.hpp"

DEFINE_string(gpu, "",
              "Devices to run on, as 0,1,2,3 or all; without it, the CPU.");
DEFINE_string(solver, "", "train: the solver's prototxt.");
DEFINE_string(model, "", "test, time: the net's prototxt.");
DEFINE_string(weights, "",
              "Trained weights (.caffemodel, several separated by commas).");
DEFINE_string(snapshot, "", "train: the .solverstate to resume from.");
DEFINE_string(stage, "", "Stages of the net, separated by commas.");
DEFINE_int32(level, 0, "Level of the net.");
DEFINE_int32(iterations, 50, "test, time: how many iterations.");

namespace two_stream {

using std::string;
using std::vector;

std::map<string, Action>& Actions() {
  static std::map<string, Action> actions;
  return actions;
}

vector<int> DevicesFromFlag(const string& flag) {
  vector<int> devices;
  if (flag.empty()) return devices;
  const int count = DeviceCount();  // throws without CUDA or a driver
  if (flag == "all") {
    for (int i = 0; i < count; ++i) devices.push_back(i);
    return devices;
  }
  vector<string> words;
  boost::split(words, flag, boost::is_any_of(","));
  for (const string& word : words) {
    int device = -1;
    if (!boost::conversion::try_lexical_convert(word, device) || device < 0 ||
        device >= count) {
      throw UserError("-gpu " + flag + ": \"" + word +
                      "\" is no device here; this machine has " +
                      std::to_string(count) + ", counted from 0");
    }
    devices.push_back(device);
  }
  return devices;
}

void UseDevice(const vector<int>& devices) {
  if (devices.empty()) {
    LOG(INFO) << "Use CPU.";
    caffe::Caffe::set_mode(caffe::Caffe::CPU);
    return;
  }
  LOG(INFO) << "Use GPU " << devices[0] << ": " << DeviceName(devices[0]);
  caffe::Caffe::SetDevice(devices[0]);
  caffe::Caffe::set_mode(caffe::Caffe::GPU);
}

vector<string> StagesFromFlag() {
  vector<string> stages;
  if (!FLAGS_stage.empty()) {
    boost::split(stages, FLAGS_stage, boost::is_any_of(","));
  }
  return stages;
}

void Require(const string& value, const char* flag, const char* what) {
  if (value.empty())
    throw UserError(string("-") + flag + " is missing: " + what);
}

}  // namespace two_stream

int main(int argc, char** argv) {
  FLAGS_alsologtostderr = true;
  google::SetVersionString(TWO_STREAM_VERSION);
  google::SetUsageMessage(
      "caffe ACTION -flag value ...\n\n"
      "actions:\n"
      "  train         train or fine-tune a model (-solver)\n"
      "  test          score a model (-model, -weights)\n"
      "  time          time a model layer by layer (-model)\n"
      "  device_query  describe the GPUs (-gpu)\n"
      "  version       what this build contains");
  caffe::GlobalInit(&argc, &argv);
  auto& actions = two_stream::Actions();
  if (argc != 2 || !actions.count(argv[1])) {
    std::cerr << "error: "
              << (argc < 2   ? "an action is missing"
                  : argc > 2 ? std::string("one action, not also \"") +
                                   argv[2] + "\" (flags begin with -)"
                             : std::string("no such action: ") + argv[1])
              << "; the actions are";
    for (const auto& action : actions) std::cerr << " " << action.first;
    std::cerr << "; caffe -help lists the flags" << std::endl;
    return 1;
  }
  try {
    return actions[argv[1]]();
  } catch (const two_stream::UserError& error) {
    std::cerr << "error: " << error.what() << std::endl;
  } catch (const boost::python::error_already_set&) {  // a Python layer's
    PyErr_Print();
  }
  return 1;
}
