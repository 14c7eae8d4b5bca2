// caffe device_query: describes the GPUs of -gpu.
#include <glog/logging.h>

#include "caffe/common.hpp"
#include "caffe_ext/common/device.hpp"
#include "tools/action.hpp"

namespace two_stream {

static int DeviceQuery() {
  LOG(INFO) << "Querying GPUs " << FLAGS_gpu;
  for (int device : DevicesFromFlag(FLAGS_gpu.empty() ? "all" : FLAGS_gpu)) {
    caffe::Caffe::SetDevice(device);
    caffe::Caffe::DeviceQuery();
  }
  return 0;
}
static RegisterAction g_device_query("device_query", DeviceQuery);

}  // namespace two_stream
