// A CUDA runtime whose devices' memory is the host's, for tests without a GPU:
// as much of it as Caffe's blobs and our host code call. No kernel can be
// launched on it.
//
// The default streams do their work at once. Others do it as late as they may:
// when somebody waits for them. So what is used too early is not there yet, and
// what is overwritten too early is read overwritten.
#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <curand.h>
#include <glog/logging.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "tests/host_gpu/host_gpu.hpp"

namespace two_stream {
namespace {

std::mutex mutex;

std::map<const char*, size_t>& Allocations() {
  static auto* const allocations = new std::map<const char*, size_t>;
  return *allocations;
}

}  // namespace

void RequireOnDevice(const void* begin, size_t bytes) {
  if (bytes == 0) return;
  std::lock_guard<std::mutex> lock(mutex);
  const char* first = static_cast<const char*>(begin);
  auto after = Allocations().upper_bound(first);
  CHECK(after != Allocations().begin()) << "no device memory: " << begin;
  --after;
  CHECK_LE(first + bytes, after->first + after->second)
      << "beyond the end of device memory";
}

size_t TakenMemory() {
  std::lock_guard<std::mutex> lock(mutex);
  size_t taken = 0;
  for (const auto& allocation : Allocations()) taken += allocation.second;
  return taken;
}

}  // namespace two_stream

using two_stream::Allocations;
using two_stream::mutex;

struct CUstream_st {
  std::deque<std::function<bool()>> work;
  bool asked = false;
};
struct CUevent_st {
  cudaStream_t stream = nullptr;
  std::shared_ptr<bool> passed = std::make_shared<bool>(true);
};

namespace {

std::mutex streams;  // all of them
thread_local int current_device = 0;
thread_local cudaError_t last_error = cudaSuccess;

cudaError_t Note(cudaError_t error) { return last_error = error; }

void AdvanceLocked(cudaStream_t stream) {
  while (!stream->work.empty() && stream->work.front()()) {
    stream->work.pop_front();
  }
}

// Whether all is done.
bool Advance(cudaStream_t stream) {
  if (!stream) return true;
  std::lock_guard<std::mutex> lock(streams);
  AdvanceLocked(stream);
  return stream->work.empty();
}

bool Passed(cudaStream_t stream, const bool& passed) {
  std::lock_guard<std::mutex> lock(streams);
  if (!passed) AdvanceLocked(stream);
  return passed;
}

}  // namespace

void two_stream::Enqueue(cudaStream_t stream, std::function<bool()> work) {
  std::lock_guard<std::mutex> lock(streams);
  stream->work.push_back(std::move(work));
}

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  *count = two_stream::HostGpu::Get().devices;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = current_device;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= two_stream::HostGpu::Get().devices) {
    return Note(cudaErrorInvalidDevice);
  }
  current_device = device;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  *properties = cudaDeviceProp();
  std::strcpy(properties->name, "Host");
  properties->uuid.bytes[0] = static_cast<char>(device);
  return cudaSuccess;
}

cudaError_t cudaPeekAtLastError() { return last_error; }

cudaError_t cudaGetLastError() {
  return std::exchange(last_error, cudaSuccess);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  CHECK_EQ(flags, cudaStreamNonBlocking);
  *stream = new CUstream_st;
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  while (!Advance(stream)) std::this_thread::yield();
  return cudaSuccess;
}

// The first answer is never that all is done already.
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  {
    std::lock_guard<std::mutex> lock(streams);
    if (stream->work.empty()) return cudaSuccess;
  }
  if (!std::exchange(stream->asked, true)) return Note(cudaErrorNotReady);
  if (!Advance(stream)) return Note(cudaErrorNotReady);
  stream->asked = false;
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  event->stream = stream;
  event->passed = std::make_shared<bool>(stream == nullptr);
  if (stream) {
    two_stream::Enqueue(stream, [passed = event->passed] {
      *passed = true;
      return true;
    });
  }
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  while (!Passed(event->stream, *event->passed)) std::this_thread::yield();
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event,
                                unsigned) {
  if (!stream) return cudaEventSynchronize(event);
  two_stream::Enqueue(stream, [of = event->stream, passed = event->passed] {
    CHECK(*passed || of) << "an event of the default stream has always passed";
    return *passed || (AdvanceLocked(of), *passed);
  });
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes,
                            cudaMemcpyKind, cudaStream_t stream) {
  const auto copy = [=] {
    std::memcpy(to, from, bytes);
    return true;
  };
  if (stream) {
    two_stream::Enqueue(stream, copy);
  } else {
    copy();
  }
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** pointer, size_t bytes) {
  const size_t taken = two_stream::TakenMemory();
  std::lock_guard<std::mutex> lock(mutex);
  if (bytes > two_stream::HostGpu::Get().memory - taken) {
    return Note(cudaErrorMemoryAllocation);
  }
  *pointer = std::malloc(bytes);
  std::memset(*pointer, 0xff, bytes);  // NaN: nobody may count on zeros
  Allocations()[static_cast<char*>(*pointer)] = bytes;
  return cudaSuccess;
}

cudaError_t cudaFree(void* pointer) {
  if (!pointer) return cudaSuccess;
  std::lock_guard<std::mutex> lock(mutex);
  CHECK_EQ(Allocations().erase(static_cast<char*>(pointer)), 1u);
  std::free(pointer);
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** pointer, size_t bytes) {
  *pointer = std::malloc(bytes);
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* pointer) {
  std::free(pointer);
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes,
                       cudaMemcpyKind) {
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}

cudaError_t cudaMemset(void* to, int value, size_t bytes) {
  std::memset(to, value, bytes);
  return cudaSuccess;
}

// For losses, whatever their precision is.
cublasStatus_t cublasSdot_v2(cublasHandle_t, int n, const float* x, int step_x,
                             const float* y, int step_y, float* result) {
  double sum = 0;
  for (int i = 0; i < n; ++i) sum += double(x[i * step_x]) * y[i * step_y];
  *result = static_cast<float>(sum);
  return CUBLAS_STATUS_SUCCESS;
}

// Caffe makes these for each thread; the tests don't use them.
cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  *handle = nullptr;
  return CUBLAS_STATUS_SUCCESS;
}

curandStatus_t curandCreateGenerator(curandGenerator_t* generator,
                                     curandRngType_t) {
  *generator = nullptr;
  return CURAND_STATUS_SUCCESS;
}

curandStatus_t curandSetPseudoRandomGeneratorSeed(curandGenerator_t,
                                                  unsigned long long) {
  return CURAND_STATUS_SUCCESS;
}

}  // extern "C"
