#ifndef TWO_STREAM_TESTS_PARALLEL_FROM_HOST_HPP_
#define TWO_STREAM_TESTS_PARALLEL_FROM_HOST_HPP_

#include <cuda_runtime.h>

#include "caffe/common.hpp"
#include "caffe_ext/parallel/communicator.hpp"

namespace two_stream {

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

}  // namespace two_stream

#endif  // TWO_STREAM_TESTS_PARALLEL_FROM_HOST_HPP_
