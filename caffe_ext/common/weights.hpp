#ifndef TWO_STREAM_COMMON_WEIGHTS_HPP_
#define TWO_STREAM_COMMON_WEIGHTS_HPP_

#include <string>
#include <vector>

#include "caffe/net.hpp"

namespace two_stream {

// What loading a .caffemodel did, layer by layer. Caffe copies by layer name
// and says nothing of what it passes over: a renamed layer then trains from
// noise, which shows as a flat loss many hours later.
struct WeightMatch {
  std::vector<std::string> copied;  // in both, with weights
  std::vector<std::string> fresh;   // in the net alone: initialised by fillers
  std::vector<std::string> unused;  // in the file alone
};

// Copies the weights of `file`, a .caffemodel of any age, into the net's layers
// of the same names. Shapes that differ in axes of length 1 alone are the same:
// BN's 1 x C, which other Caffes save as 1 x C x 1 x 1, where Caffe's own
// loading ends the program.
// Throws UserError, and leaves the net as it was, if the file can't be read or
// has one of the layers in other shapes.
WeightMatch CopyWeights(const std::string& file, caffe::Net<float>* net);

// Throws UserError if a net that learns got nothing from the file.
void RequireCopied(const std::string& file, const WeightMatch& match);

// "copied 12 layers; fresh: fc8; in the file alone: fc8_imagenet".
std::string Describe(const WeightMatch& match);

}  // namespace two_stream

#endif  // TWO_STREAM_COMMON_WEIGHTS_HPP_
