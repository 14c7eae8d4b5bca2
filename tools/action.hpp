#ifndef TWO_STREAM_TOOLS_ACTION_HPP_
#define TWO_STREAM_TOOLS_ACTION_HPP_

#include <gflags/gflags.h>

#include <map>
#include <string>
#include <vector>

#include "caffe/proto/caffe.pb.h"

// The flags that several actions share; the same as upstream's.
DECLARE_string(gpu);
DECLARE_string(solver);
DECLARE_string(model);
DECLARE_string(weights);
DECLARE_string(snapshot);
DECLARE_string(stage);
DECLARE_int32(level);
DECLARE_int32(iterations);

namespace two_stream {

// `caffe NAME ...` runs the function registered under NAME; it returns the exit
// status and may throw UserError.
using Action = int (*)();
std::map<std::string, Action>& Actions();

struct RegisterAction {
  RegisterAction(const char* name, Action action) { Actions()[name] = action; }
};

// The devices of -gpu ("0,1,2", "all" or empty: CPU). Throws UserError where
// this build or machine has none such.
std::vector<int> DevicesFromFlag(const std::string& flag);

// Sets Caffe's mode, and the device if there is one.
void UseDevice(const std::vector<int>& devices);

// The stages of -stage, split at commas.
std::vector<std::string> StagesFromFlag();

// Throws UserError if a flag that the action needs is empty.
void Require(const std::string& value, const char* flag, const char* what);

}  // namespace two_stream

#endif  // TWO_STREAM_TOOLS_ACTION_HPP_
