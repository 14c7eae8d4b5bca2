#include "caffe_ext/parallel/flat_params.hpp"

#include <algorithm>

#include "caffe/util/math_functions.hpp"

namespace two_stream {
namespace {

bool OnGpu() { return caffe::Caffe::mode() == caffe::Caffe::GPU; }

template <typename Dtype>
Dtype* Writable(caffe::SyncedMemory* memory) {
  return static_cast<Dtype*>(OnGpu() ? memory->mutable_gpu_data()
                                     : memory->mutable_cpu_data());
}

// Copies `memory`'s contents to `to` and lets it point there.
template <typename Dtype>
void Move(caffe::SyncedMemory* memory, int count, Dtype* to) {
  const void* from = OnGpu() ? memory->gpu_data() : memory->cpu_data();
  caffe::caffe_copy(count, static_cast<const Dtype*>(from), to);
  if (OnGpu()) {
    memory->set_gpu_data(to);
  } else {
    memory->set_cpu_data(to);
  }
}

}  // namespace

template <typename Dtype>
FlatParams<Dtype>::FlatParams(const GradientPlan& plan, caffe::Net<Dtype>* net)
    : data_memory_(std::max<size_t>(plan.total, 1) * sizeof(Dtype)),
      diff_memory_(std::max<size_t>(plan.total, 1) * sizeof(Dtype)),
      data_(Writable<Dtype>(&data_memory_)),
      diff_(Writable<Dtype>(&diff_memory_)) {
  const auto& params = net->learnable_params();
  for (int i = 0; i < params.size(); ++i) {
    Move(params[i]->data().get(), params[i]->count(), data_ + plan.offsets[i]);
    Move(params[i]->diff().get(), params[i]->count(), diff_ + plan.offsets[i]);
  }
}

template class FlatParams<float>;
template class FlatParams<double>;

}  // namespace two_stream
