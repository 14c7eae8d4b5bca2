#ifndef TWO_STREAM_PARALLEL_TENSOR_MEMORY_HPP_
#define TWO_STREAM_PARALLEL_TENSOR_MEMORY_HPP_

#include <cstddef>
#include <memory>

#include "caffe_ext/parallel/communicator.hpp"

namespace two_stream {

// What a transport that takes sums by itself does with numbers, in the memory
// where they lie. All is done when a call returns.
class TensorMemory {
 public:
  virtual ~TensorMemory() = default;

  // At least so many bytes; what earlier calls gave is gone.
  virtual char* Scratch(size_t bytes) = 0;
  virtual void Copy(const void* from, size_t bytes, void* to) = 0;
  // sum[0, count) += term[0, count).
  virtual void Accumulate(DataType type, const void* term, size_t count,
                          void* sum) = 0;
  // data[0, count) *= 1 / size.
  virtual void DivideBy(int size, DataType type, size_t count, void* data) = 0;
};

std::unique_ptr<TensorMemory> MakeHostMemory();

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_TENSOR_MEMORY_HPP_
