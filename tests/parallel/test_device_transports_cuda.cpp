// The transports between devices, on the GPUs that are here: ranks share them
// where there are fewer.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <tuple>

#include "caffe/common.hpp"
#include "caffe_ext/parallel/device_transport.hpp"
#include "tests/parallel/conformance.hpp"
#include "tests/parallel/rank_runs.hpp"

namespace two_stream {
namespace {

int Devices() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

// Gives a device transport host memory, so that the suite for the others does.
class FromHost : public Communicator {
 public:
  explicit FromHost(Communicator* device)
      : Communicator(device->rank(), device->size()), device_(device) {}
  const char* transport() const override { return device_->transport(); }

 protected:
  void Execute(const Collective& call, const void* sent,
               void* received) override {
    if (call.type == DataType::kByte) {
      device_->Call(call, sent, received);
      return;
    }
    const size_t block = call.count * SizeOf(call.type);
    const bool gathers = call.kind == Collective::Kind::kAllGather;
    const bool scatters = call.kind == Collective::Kind::kReduceScatter;
    const size_t in = block * (scatters ? size() : 1);
    const size_t out = block * (gathers ? size() : 1);
    void *from = nullptr, *to = nullptr;
    CUDA_CHECK(cudaMalloc(&from, in));
    CUDA_CHECK(cudaMemcpy(from, sent, in, cudaMemcpyHostToDevice));
    const bool in_place = sent == received;
    if (!in_place) CUDA_CHECK(cudaMalloc(&to, out));
    device_->Call(call, from, in_place ? from : to);
    // Caffe's next kernel would be blamed for it.
    CUDA_CHECK(cudaPeekAtLastError());
    CUDA_CHECK(cudaMemcpy(received, in_place ? from : to, out,
                          cudaMemcpyDeviceToHost));
    CUDA_CHECK(cudaFree(from));
    CUDA_CHECK(cudaFree(to));
  }

 private:
  Communicator* const device_;
};

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
