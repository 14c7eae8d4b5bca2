#ifndef TWO_STREAM_PARALLEL_SHARED_TESTING_HPP_
#define TWO_STREAM_PARALLEL_SHARED_TESTING_HPP_

#include <functional>
#include <string>
#include <vector>

#include "caffe/net.hpp"
#include "caffe_ext/parallel/communicator.hpp"

namespace two_stream {

// Runs `iterations` of a test net, which are shared among the ranks: rank r
// takes r, r + N, r + 2 N, ... The result is that of one rank and the same on
// all: the means over iterations of the net's loss (first) and of each value of
// its output blobs. Sums are in double, so the number of ranks does not show.
//
// Data layers with a DataCursor have read their rank's share (RunContext's
// shard_test_nets) and end where one rank's would; Caffe's own read everything
// on every rank.
//
// `interrupted` is asked before each round of N iterations and must give all
// ranks the same answer; if true the result is empty, and the next test reads
// what it would have read (unless not one round was run).
template <typename Dtype>
std::vector<double> TestShared(int iterations, caffe::Net<Dtype>* net,
                               Communicator* communicator,
                               const std::function<bool()>& interrupted);

// Logs the result as Caffe does.
template <typename Dtype>
void LogTestResult(const std::vector<double>& result, bool with_loss,
                   const caffe::Net<Dtype>& net);

// " (* 1 = 0.25 loss)", or nothing for outputs that are no losses.
std::string LossSuffix(double weight, double value);

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_SHARED_TESTING_HPP_
