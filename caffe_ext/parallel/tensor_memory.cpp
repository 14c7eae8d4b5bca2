#include "caffe_ext/parallel/tensor_memory.hpp"

#include <cstring>
#include <vector>

namespace two_stream {
namespace {

class HostMemory : public TensorMemory {
 public:
  char* Scratch(size_t bytes) override {
    if (scratch_.size() < bytes) scratch_.resize(bytes);
    return scratch_.data();
  }
  void Copy(const void* from, size_t bytes, void* to) override {
    std::memcpy(to, from, bytes);
  }
  void Accumulate(DataType type, const void* term, size_t count,
                  void* sum) override {
    two_stream::Accumulate(type, term, count, sum);
  }
  void DivideBy(int size, DataType type, size_t count, void* data) override {
    two_stream::DivideBy(size, type, count, data);
  }

 private:
  std::vector<char> scratch_;
};

}  // namespace

std::unique_ptr<TensorMemory> MakeHostMemory() {
  return std::make_unique<HostMemory>();
}

}  // namespace two_stream
