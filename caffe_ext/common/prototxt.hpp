#ifndef TWO_STREAM_COMMON_PROTOTXT_HPP_
#define TWO_STREAM_COMMON_PROTOTXT_HPP_

#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "caffe/proto/caffe.pb.h"

namespace two_stream {

// Reading of prototxt files. Caffe's own readers abort with a stack trace;
// these throw UserError, "file:line:column: what is wrong".

// Reads a whole file. `what` says what it was wanted for, as in "solver".
std::string ReadTextFile(const std::string& file, const std::string& what);

// Parses text format; `file` is for the messages alone.
void ParsePrototxt(const std::string& text, const std::string& file,
                   google::protobuf::Message* message);

// A net, upgraded from older formats as Caffe does.
caffe::NetParameter ReadNetFile(const std::string& file);

// A solver as the user wrote it, and what Caffe 1.0's SolverParameter can't
// hold.
struct SolverFile {
  caffe::SolverParameter param;
  // All of device_id: the 2015 fork has it repeated, Caffe 1.0 not. `param` has
  // the first.
  std::vector<int> device_ids;
};

// A solver, upgraded, with snapshot_prefix filled in as Caffe does. Both
// `device_id: [0,1]` and `device_id: 0 device_id: 1` are accepted.
SolverFile ReadSolverFile(const std::string& file);

// The net files that a solver names, each once: train first.
std::vector<std::string> NetFiles(const caffe::SolverParameter& solver);

}  // namespace two_stream

#endif  // TWO_STREAM_COMMON_PROTOTXT_HPP_
