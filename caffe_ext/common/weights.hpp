#ifndef TWO_STREAM_COMMON_WEIGHTS_HPP_
#define TWO_STREAM_COMMON_WEIGHTS_HPP_

#include <string>
#include <vector>

#include "caffe/proto/caffe.pb.h"

namespace two_stream {

// What loading a .caffemodel into a net would do, layer by layer. Caffe copies
// by layer name and says nothing of what it passes over: a renamed layer then
// trains from noise, which shows as a flat loss many hours later.
struct WeightMatch {
  std::vector<std::string> copied;  // in both, with weights
  std::vector<std::string> fresh;   // in the net alone: initialised by fillers
  std::vector<std::string> unused;  // in the file alone
};

// `net` is the net's definition after filtering by phase; `layers_with_weights`
// names those of its layers that have parameters; `file` is a .caffemodel.
// Throws UserError if the file can't be read or nothing at all matches.
WeightMatch MatchWeights(const std::string& file,
                         const std::vector<std::string>& layers_with_weights);

// "copied 12 layers; fresh: fc8; in the file alone: fc8_imagenet".
std::string Describe(const WeightMatch& match);

}  // namespace two_stream

#endif  // TWO_STREAM_COMMON_WEIGHTS_HPP_
