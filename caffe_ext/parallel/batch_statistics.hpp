#ifndef TWO_STREAM_PARALLEL_BATCH_STATISTICS_HPP_
#define TWO_STREAM_PARALLEL_BATCH_STATISTICS_HPP_

#include <vector>

#include "caffe/net.hpp"
#include "caffe_ext/parallel/communicator.hpp"

namespace two_stream {

// The moving statistics of batch normalisation ("BN", Caffe's "BatchNorm"):
// parameters that Forward() changes, on each rank by its own samples. Their
// mean over the ranks after each step keeps the ranks alike, and counts every
// sample. (Normalisation itself is by each rank's own batch, as everywhere:
// such nets are not the same for any number of ranks.)
template <typename Dtype>
class BatchStatistics {
 public:
  // Points into the net, which must outlive it.
  explicit BatchStatistics(const caffe::Net<Dtype>& net);

  void Average(Communicator* communicator);

 private:
  // Between the blobs and one buffer of all of them: a net may have a hundred,
  // of some hundred numbers each.
  void Copy(bool to_buffer);

  std::vector<caffe::Blob<Dtype>*> blobs_;
  caffe::Blob<Dtype> buffer_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_BATCH_STATISTICS_HPP_
