// MPI on device memory. tests/cuda starts it under mpirun; alone it is a world
// of one rank.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "caffe_ext/common/error.hpp"
#include "caffe_ext/parallel/device_transport.hpp"
#include "caffe_ext/parallel/process_world.hpp"
#include "caffe_ext/parallel/thread_communicator.hpp"
#include "tests/parallel/conformance.hpp"
#include "tests/parallel/from_host.hpp"

// The stand-in's device memory is such that any MPI can read it.
extern "C" int MPIX_Query_cuda_support() { return 1; }

namespace two_stream {
namespace {

TEST(MpiOnDevices, Conforms) {
  const auto world = JoinProcessWorld();
  if (!world) GTEST_SKIP() << "built without MPI";
  const auto host = world->MakeCommunicator();
  host->set_timeout(60);
  // All ranks share a device: no case for NCCL.
  const auto device = ToDevice(host.get(), 0, "the same", "auto");
  if (world->size() > 1) {
    EXPECT_STREQ(device->transport(), "MPI on device memory");
  }
  FromHost from_host(device.get());
  CheckConformance(&from_host, 1);
  Conformance long_messages(&from_host, 5);
  long_messages.CheckAll<double>(600011);
}

TEST(MpiOnDevices, IsRefusedToThreads) {
  const auto threads = MakeThreadCommunicators(1);
  try {
    ToDevice(threads[0].get(), 0, "x", "mpi");
    FAIL() << "not refused";
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("mpirun"), std::string::npos);
  }
}

}  // namespace
}  // namespace two_stream
