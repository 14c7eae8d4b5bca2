#ifndef TWO_STREAM_TOOLS_NETS_HPP_
#define TWO_STREAM_TOOLS_NETS_HPP_

#include <memory>
#include <string>

#include "caffe/net.hpp"

namespace two_stream {

// The net of a prototxt at -level and -stage, its buffers shared as its
// mem_param says. Backward() in phase TEST takes `backward`. Throws UserError.
std::unique_ptr<caffe::Net<float>> MakeNet(const std::string& model,
                                           caffe::Phase phase,
                                           bool backward = false);

// Loads `files` (separated by commas, one after the other) and logs what each
// copies and leaves. Throws UserError if they don't fit or nothing is copied.
void LoadWeights(const std::string& files, caffe::Net<float>* net);

}  // namespace two_stream

#endif  // TWO_STREAM_TOOLS_NETS_HPP_
