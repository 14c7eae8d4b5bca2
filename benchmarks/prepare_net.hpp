#ifndef TWO_STREAM_BENCHMARKS_PREPARE_NET_HPP_
#define TWO_STREAM_BENCHMARKS_PREPARE_NET_HPP_

#include "caffe/net.hpp"

// What is done to a net before it first runs.
void PrepareNet(const caffe::NetParameter& param, caffe::Net<float>* net);

#endif  // TWO_STREAM_BENCHMARKS_PREPARE_NET_HPP_
