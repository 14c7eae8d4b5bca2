#ifndef TWO_STREAM_PARALLEL_RUN_STATE_HPP_
#define TWO_STREAM_PARALLEL_RUN_STATE_HPP_

#include <string>

#include "caffe/net.hpp"
#include "caffe/proto/caffe.pb.h"

namespace two_stream {

using LayerCursors = google::protobuf::RepeatedPtrField<caffe::LayerCursor>;

// Where each layer with a DataCursor stands.
template <typename Dtype>
LayerCursors SaveCursors(const caffe::Net<Dtype>& net);

// Sets them, by layer name. Layers without a saved cursor stay as they are.
template <typename Dtype>
void RestoreCursors(const LayerCursors& cursors, caffe::Net<Dtype>* net);

// Caffe's data layers have no cursor: reads and drops `batches` of each.
template <typename Dtype>
void ReplayCaffeData(int batches, caffe::Net<Dtype>* net);

// The calling thread's generator of Caffe.
std::string SaveGenerator();
void RestoreGenerator(const std::string& text);

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_RUN_STATE_HPP_
