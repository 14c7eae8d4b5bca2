#ifndef TWO_STREAM_PARALLEL_DEVICE_TRANSPORT_HPP_
#define TWO_STREAM_PARALLEL_DEVICE_TRANSPORT_HPP_

#include <memory>
#include <string>

#include "caffe_ext/parallel/communicator.hpp"

namespace two_stream {

// Makes a communicator over device memory out of one over host memory, with
// the same ranks (a collective). `device` is the calling rank's; it is current
// on the calling thread. The host communicator carries bytes and failures and
// must outlive the new one.
using MakeDeviceCommunicator =
    std::unique_ptr<Communicator> (*)(Communicator* host, int device);

// For the transports' source files.
struct DeviceTransportRegistration {
  DeviceTransportRegistration(const char* name, MakeDeviceCommunicator make);
};

// `wish` is "nccl", "mpi" (one that knows CUDA), "staged" (through host memory)
// or "auto": the first of them that can be; NCCL if it was built in and no two
// ranks share a device. `identity` is the device's, among those of all hosts.
// Throws UserError if the wish cannot be met.
std::unique_ptr<Communicator> ToDevice(Communicator* host, int device,
                                       const std::string& identity,
                                       const std::string& wish);

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_DEVICE_TRANSPORT_HPP_
