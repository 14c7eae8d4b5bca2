#include "caffe/common.hpp"
#include "caffe/syncedmem.hpp"
#include "caffe_ext/common/device_stream.hpp"
#include "caffe_ext/data/batch_upload.hpp"

namespace two_stream {
namespace {

int CurrentDevice() {
  int device = 0;
  CUDA_CHECK(cudaGetDevice(&device));
  return device;
}

class DeviceUpload : public BatchUpload {
 public:
  DeviceUpload() : stream_(CurrentDevice()) {}
  ~DeviceUpload() override { stream_.Synchronize(); }

  void Begin(const void* batch, size_t bytes) override {
    if (!arrived_ || arrived_->size() != bytes) {
      arrived_ = std::make_unique<caffe::SyncedMemory>(bytes);
    }
    void* to = arrived_->mutable_gpu_data();
    stream_.Fence()();  // the batch before must have been taken from there
    CUDA_CHECK(cudaMemcpyAsync(to, batch, bytes, cudaMemcpyHostToDevice,
                               stream_.get()));
    begun_ = true;
  }

  bool begun() const override { return begun_; }

  void Finish(void* to) override {
    stream_.Synchronize();
    CUDA_CHECK(cudaMemcpyAsync(to, arrived_->gpu_data(), arrived_->size(),
                               cudaMemcpyDeviceToDevice, cudaStreamDefault));
    begun_ = false;
  }

 private:
  std::unique_ptr<caffe::SyncedMemory> arrived_;
  const DeviceStream stream_;
  bool begun_ = false;
};

std::unique_ptr<BatchUpload> Make() { return std::make_unique<DeviceUpload>(); }

struct Registration {
  Registration() { BatchUploadToDevice() = &Make; }
} g_registration;

}  // namespace
}  // namespace two_stream
