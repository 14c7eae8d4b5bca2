#include "caffe_ext/parallel/device_transport.hpp"

#include <map>
#include <set>

#include "caffe_ext/common/error.hpp"

namespace two_stream {
namespace {

std::map<std::string, MakeDeviceCommunicator>& Transports() {
  static std::map<std::string, MakeDeviceCommunicator> transports;
  return transports;
}

bool SharesADevice(Communicator* host, const std::string& identity) {
  const auto all = host->AllGatherString(identity);
  return std::set<std::string>(all.begin(), all.end()).size() < all.size();
}

}  // namespace

DeviceTransportRegistration::DeviceTransportRegistration(
    const char* name, MakeDeviceCommunicator make) {
  Transports()[name] = make;
}

std::unique_ptr<Communicator> ToDevice(Communicator* host, int device,
                                       const std::string& identity,
                                       const std::string& wish) {
  std::string name = wish;
  if (wish == "auto") {
    const bool shared = SharesADevice(host, identity);
    name = Transports().count("nccl") && !shared ? "nccl"
           : host->takes_device_memory()         ? "mpi"
                                                 : "staged";
  }
  const auto found = Transports().find(name);
  if (found == Transports().end()) {
    throw UserError("transport \"" + name +
                    "\" is not part of this build; `caffe version` lists what "
                    "is, and -transport auto takes the best of it");
  }
  return found->second(host, device);
}

}  // namespace two_stream
