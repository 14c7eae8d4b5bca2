// caffe version: what this build contains.
#include <iostream>

#include "tools/action.hpp"
#include "tools/build_info.hpp"

namespace two_stream {

static int Version() {
  std::cout << "two-stream-caffe " << TWO_STREAM_VERSION << "\n";
  for (const auto& [name, version] : kBuildInfo) {
    std::cout << "  " << name << ": " << version << "\n";
  }
  return 0;
}
static RegisterAction g_version("version", Version);

}  // namespace two_stream
