#ifndef TWO_STREAM_TESTS_PARALLEL_RANK_RUNS_HPP_
#define TWO_STREAM_TESTS_PARALLEL_RANK_RUNS_HPP_

#include <functional>
#include <string>
#include <vector>

#include "caffe/proto/caffe.pb.h"
#include "caffe_ext/parallel/sync_sgd.hpp"

namespace two_stream {

// A small net in the paper's shape: convolutions, then fully connected layers
// with dropout. $-words are replaced.
struct NetOptions {
  int batch = 4;
  bool gather = false;
  double dropout = 0;         // 0: no such layers
  bool share_conv = false;    // conv2 and conv3 share their weights
  bool share_across = false;  // so do a layer before the Gather and one behind
};
std::string NetText(const NetOptions& options);

// `lines` are added to a solver with momentum 0.9 and a fixed rate.
caffe::SolverParameter SolverFor(const NetOptions& options,
                                 const std::string& lines);

// Calls body in Caffe's and our context of the communicator's rank. Exceptions
// are test failures.
void AsRank(Communicator* communicator, const std::function<void()>& body);

// The same on `ranks` threads.
void RunRanks(int ranks, const std::function<void(Communicator*)>& body);

// Trains this rank for `steps` updates and returns its parameters, one vector a
// blob. After each step the ranks' parameters are checked for equal bits.
template <typename Dtype>
using Params = std::vector<std::vector<Dtype>>;
template <typename Dtype>
Params<Dtype> TrainedOnThisRank(const caffe::SolverParameter& solver, int steps,
                                size_t bucket_bytes,
                                Communicator* communicator);

// Does so on each of `ranks` threads and returns rank 0's.
template <typename Dtype>
Params<Dtype> TrainedParams(const caffe::SolverParameter& solver, int ranks,
                            int steps, size_t bucket_bytes = 512);

// The largest, over blobs, of ||a - b|| / ||b||.
template <typename Dtype>
double RelativeError(const Params<Dtype>& a, const Params<Dtype>& b);

}  // namespace two_stream

#endif  // TWO_STREAM_TESTS_PARALLEL_RANK_RUNS_HPP_
