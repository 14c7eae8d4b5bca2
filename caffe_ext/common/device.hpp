#ifndef TWO_STREAM_COMMON_DEVICE_HPP_
#define TWO_STREAM_COMMON_DEVICE_HPP_

#include <string>

namespace two_stream {

// GPUs of this machine. In a build without CUDA, and where the driver finds
// none, there are none: the count and the names throw UserError that says so.
int DeviceCount();
bool HasDevices();
std::string DeviceName(int device);
// Tells GPUs apart whatever their numbers are in this process, which depend on
// CUDA_VISIBLE_DEVICES.
std::string DeviceIdentity(int device);

}  // namespace two_stream

#endif  // TWO_STREAM_COMMON_DEVICE_HPP_
