// What the NCCL transport does when a rank is missing.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "caffe_ext/parallel/device_transport.hpp"
#include "caffe_ext/parallel/thread_communicator.hpp"
#include "tests/host_gpu/host_gpu.hpp"

namespace two_stream {
namespace {

class NcclFaults : public testing::Test {
 protected:
  static constexpr int kRanks = 3;

  void TearDown() override { HostGpu::Get() = HostGpu(); }

  // Calls body(communicator over the devices) on all ranks; returns what each
  // has thrown.
  template <typename Body>
  static std::vector<std::string> Errors(const Body& body) {
    auto hosts = MakeThreadCommunicators(kRanks);
    std::vector<std::string> errors(kRanks);
    std::vector<std::thread> threads;
    for (int rank = 0; rank < kRanks; ++rank) {
      threads.emplace_back([&, rank] {
        Communicator* host = hosts[rank].get();
        host->set_timeout(30);
        const auto device = ToDevice(host, rank, std::to_string(rank), "nccl");
        device->set_timeout(0.3);
        try {
          body(device.get());
        } catch (const CommunicatorError& error) {
          errors[rank] = error.what();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    return errors;
  }

  static void AllReduce(Communicator* communicator) {
    void* data = nullptr;
    ASSERT_EQ(cudaSuccess, cudaMalloc(&data, 40));
    const std::unique_ptr<void, cudaError_t (*)(void*)> freed(data, cudaFree);
    communicator->AllReduce(static_cast<float*>(data), 10);
  }
};

TEST_F(NcclFaults, AMissingRankIsNamedAndNoKernelWaitsForIt) {
  const auto errors = Errors([](Communicator* communicator) {
    if (communicator->rank() != 1) AllReduce(communicator);
  });
  for (int rank : {0, 2}) {
    EXPECT_NE(errors[rank].find("no word from rank 1"), std::string::npos)
        << errors[rank];
  }
  EXPECT_EQ(errors[1], "");
  EXPECT_EQ(HostGpu::Get().nccl_kernels, 0);
}

TEST_F(NcclFaults, ARankThatGivesUpEndsTheOthers) {
  const auto errors = Errors([](Communicator* communicator) {
    communicator->set_timeout(30);
    if (communicator->rank() == 2) {
      communicator->Fail("out of frames");
    } else {
      AllReduce(communicator);
    }
  });
  for (int rank : {0, 1}) {
    EXPECT_NE(errors[rank].find("rank 2 failed: out of frames"),
              std::string::npos)
        << errors[rank];
  }
}

TEST_F(NcclFaults, AKernelThatNeverEndsIsGivenUp) {
  HostGpu::Get().nccl_stuck = true;
  for (const std::string& error : Errors(AllReduce)) {
    EXPECT_NE(error.find("all-reduce of 10 float timed out after 0.3"),
              std::string::npos)
        << error;
  }
}

}  // namespace
}  // namespace two_stream
