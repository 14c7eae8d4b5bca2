// MPI on device memory, where the MPI knows CUDA.
#include <glog/logging.h>

#include "caffe/syncedmem.hpp"
#include "caffe/util/device_alternate.hpp"
#include "caffe_ext/common/error.hpp"
#include "caffe_ext/parallel/device_communicator.hpp"
#include "caffe_ext/parallel/device_transport.hpp"
#include "caffe_ext/parallel/tensor_memory.hpp"

namespace two_stream {
namespace {

template <typename T>
__global__ void AccumulateKernel(int count, const T* term, T* sum) {
  CUDA_KERNEL_LOOP(i, count) { sum[i] += term[i]; }
}

template <typename T>
__global__ void ScaleKernel(int count, T factor, T* data) {
  CUDA_KERNEL_LOOP(i, count) { data[i] *= factor; }
}

constexpr int kThreads = caffe::CAFFE_CUDA_NUM_THREADS;

template <typename T>
void LaunchAccumulate(int count, const void* term, void* sum,
                      cudaStream_t stream) {
  const T* from = static_cast<const T*>(term);
  T* to = static_cast<T*>(sum);
  AccumulateKernel<<<caffe::CAFFE_GET_BLOCKS(count), kThreads, 0, stream>>>(
      count, from, to);
}

template <typename T>
void LaunchScale(int count, int size, void* data, cudaStream_t stream) {
  const T factor = T(1) / size;
  T* values = static_cast<T*>(data);
  ScaleKernel<<<caffe::CAFFE_GET_BLOCKS(count), kThreads, 0, stream>>>(
      count, factor, values);
}

class DeviceMemory : public TensorMemory {
 public:
  explicit DeviceMemory(int device) : stream_(device) {}

  char* Scratch(size_t bytes) override {
    if (!scratch_ || scratch_->size() < bytes) {
      scratch_.reset();
      scratch_ = std::make_unique<caffe::SyncedMemory>(bytes);
    }
    return static_cast<char*>(scratch_->mutable_gpu_data());
  }

  void Copy(const void* from, size_t bytes, void* to) override {
    CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice,
                               stream_.get()));
    stream_.Synchronize();
  }

  void Accumulate(DataType type, const void* term, size_t count,
                  void* sum) override {
    CHECK(type != DataType::kByte) << "bytes cannot be summed";
    if (type == DataType::kFloat) {
      LaunchAccumulate<float>(count, term, sum, stream_.get());
    } else {
      LaunchAccumulate<double>(count, term, sum, stream_.get());
    }
    CUDA_POST_KERNEL_CHECK;
    stream_.Synchronize();
  }

  void DivideBy(int size, DataType type, size_t count, void* data) override {
    CHECK(type != DataType::kByte) << "bytes have no mean";
    if (type == DataType::kFloat) {
      LaunchScale<float>(count, size, data, stream_.get());
    } else {
      LaunchScale<double>(count, size, data, stream_.get());
    }
    CUDA_POST_KERNEL_CHECK;
    stream_.Synchronize();
  }

 private:
  const DeviceStream stream_;
  std::unique_ptr<caffe::SyncedMemory> scratch_;
};

class DirectCommunicator : public DeviceCommunicator {
 public:
  DirectCommunicator(Communicator* host, int device,
                     std::unique_ptr<Communicator> direct)
      : DeviceCommunicator(host, device),
        direct_(std::move(direct)),
        name_(std::string(host->transport()) + " on device memory") {}

  const char* transport() const override { return name_.c_str(); }

 protected:
  void ExecuteOnDevice(const Collective& call, const char* sent,
                       char* received) override {
    stream().Synchronize();  // what is to be sent is there
    const uint64_t before = direct_->traffic().moved_bytes;
    direct_->set_timeout(timeout());
    direct_->Call(call, sent, received);
    CountMoved(direct_->traffic().moved_bytes - before);
  }

 private:
  const std::unique_ptr<Communicator> direct_;
  const std::string name_;
};

std::unique_ptr<Communicator> MakeDirect(Communicator* host, int device) {
  if (!host->takes_device_memory()) {
    throw UserError(
        "transport \"mpi\" is for ranks that mpirun starts, of an MPI that "
        "knows CUDA (ompi_info --parsable -l 9 --all | grep cuda_support): use "
        "-transport nccl or staged");
  }
  return std::make_unique<DirectCommunicator>(
      host, device, host->WithMemory(std::make_unique<DeviceMemory>(device)));
}

const DeviceTransportRegistration g_register("mpi", &MakeDirect);

}  // namespace
}  // namespace two_stream
