// The extension: shared buffers, as the net's mem_param says.
#include "benchmarks/prepare_net.hpp"
#include "caffe_ext/memory/optimize_memory.hpp"

void PrepareNet(const caffe::NetParameter& param, caffe::Net<float>* net) {
  two_stream::OptimizeMemory(net,
                             two_stream::MemoryOptionsOf(param, net->phase()));
}
