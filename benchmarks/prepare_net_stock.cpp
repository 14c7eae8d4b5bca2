// Stock Caffe: nothing.
#include "benchmarks/prepare_net.hpp"

void PrepareNet(const caffe::NetParameter&, caffe::Net<float>*) {}
