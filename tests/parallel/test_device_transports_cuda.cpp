// The transports between devices, on the GPUs that are here: ranks share them
// where there are fewer.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <tuple>

#include "caffe/common.hpp"
#include "caffe_ext/common/device.hpp"
#include "caffe_ext/parallel/device_transport.hpp"
#include "tests/parallel/conformance.hpp"
#include "tests/parallel/from_host.hpp"
#include "tests/parallel/rank_runs.hpp"

namespace two_stream {
namespace {

int Devices() { return HasDevices() ? DeviceCount() : 0; }

class DeviceRanks
    : public testing::TestWithParam<std::tuple<std::string, int>> {};

TEST_P(DeviceRanks, Conform) {
  const std::string transport = std::get<0>(GetParam());
  const int ranks = std::get<1>(GetParam());
  if (Devices() == 0) GTEST_SKIP() << "no GPU";
  if (transport == "nccl" && ranks > Devices() &&
      !std::getenv("NCCL_MULTI_RANK_GPU_ENABLE")) {
    GTEST_SKIP() << "fewer GPUs than ranks, and NCCL_MULTI_RANK_GPU_ENABLE is "
                    "not set";
  }
  RunRanks(ranks, [&](Communicator* host) {
    const int device = host->rank() % Devices();
    CUDA_CHECK(cudaSetDevice(device));
    const auto communicator =
        ToDevice(host, device, std::to_string(device), transport);
    communicator->set_timeout(60);
    EXPECT_TRUE(communicator->on_device());
    FromHost from_host(communicator.get());
    CheckConformance(&from_host, 1);
  });
}

INSTANTIATE_TEST_SUITE_P(Transports, DeviceRanks,
                         testing::Combine(testing::Values("staged", "nccl"),
                                          testing::Values(2, 3, 4)));

}  // namespace
}  // namespace two_stream
