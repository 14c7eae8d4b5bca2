#ifndef TWO_STREAM_MEMORY_OPTIMIZE_MEMORY_HPP_
#define TWO_STREAM_MEMORY_OPTIMIZE_MEMORY_HPP_

#include <string>

#include "caffe/net.hpp"
#include "caffe/solver.hpp"
#include "caffe_ext/memory/net_memory.hpp"

namespace two_stream {

// What a net's prototxt asks for: mem_param for its phase, force_backward.
MemoryOptions MemoryOptionsOf(const caffe::NetParameter& param,
                              caffe::Phase phase);

// Lets the blobs, gradients and column buffers of a net share memory where
// their lives don't overlap. Call it once, after the net is made and before it
// first runs; the net is as it was otherwise: same numbers, bit for bit. The
// shared buffers are freed with the net. Nothing happens if options.enabled is
// false. Logs a summary. Throws UserError if the options name what can't be
// done.
template <typename Dtype>
void OptimizeMemory(caffe::Net<Dtype>* net, const MemoryOptions& options);

// The same for a solver's train and test nets, as their prototxt files say.
// They never run at the same time, so they share one arena.
template <typename Dtype>
void OptimizeMemory(caffe::Solver<Dtype>* solver, double keep_share = 0);

// Before a blob is used between passes (pycaffe does this for every access):
// from now on its data or diff is a buffer of its own. Throws UserError, which
// says what to do, if the content is gone because the buffer was reused. A blob
// of no optimized net is left alone.
void ClaimBlob(const caffe::Blob<float>& blob, bool diff);

// From the next pass on, `blob` of `net` keeps its data to be read afterwards.
void KeepBlob(const caffe::Net<float>& net, const std::string& blob);

// The plan of a net made by OptimizeMemory, or null.
template <typename Dtype>
const NetMemory<Dtype>* MemoryOf(const caffe::Net<Dtype>& net);

}  // namespace two_stream

#endif  // TWO_STREAM_MEMORY_OPTIMIZE_MEMORY_HPP_
