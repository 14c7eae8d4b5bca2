#ifndef TWO_STREAM_PARALLEL_FLAT_PARAMS_HPP_
#define TWO_STREAM_PARALLEL_FLAT_PARAMS_HPP_

#include <vector>

#include "caffe/net.hpp"
#include "caffe/syncedmem.hpp"
#include "caffe_ext/parallel/gradient_plan.hpp"

namespace two_stream {

// Moves a net's learnable parameters into one buffer and their gradients into
// another, in host or device memory by Caffe's mode. The net keeps pointers
// into them: this must outlive it.
template <typename Dtype>
class FlatParams {
 public:
  FlatParams(const GradientPlan& plan, caffe::Net<Dtype>* net);
  FlatParams(const FlatParams&) = delete;
  FlatParams& operator=(const FlatParams&) = delete;

  // plan.total elements each; the padding between parameters stays 0.
  Dtype* data() const { return data_; }
  Dtype* diff() const { return diff_; }

 private:
  caffe::SyncedMemory data_memory_, diff_memory_;
  Dtype* data_;
  Dtype* diff_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_FLAT_PARAMS_HPP_
