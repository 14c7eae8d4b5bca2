#ifndef TWO_STREAM_PARALLEL_REPLICATION_HPP_
#define TWO_STREAM_PARALLEL_REPLICATION_HPP_

#include <vector>

#include "caffe/net.hpp"
#include "caffe_ext/parallel/gradient_plan.hpp"

namespace two_stream {

// For each layer of a train net, whether it works on the whole batch on every
// rank: some bottom comes, by way of other layers or not, from a Gather. A
// layer that also reads this rank's own samples is refused with UserError,
// unless those pass through the Gather too.
template <typename Dtype>
std::vector<bool> ReplicatedLayers(const caffe::Net<Dtype>& net);

// The net's learnable parameters, in their order.
template <typename Dtype>
std::vector<PlannedParam> PlannedParams(const caffe::Net<Dtype>& net,
                                        const std::vector<bool>& replicated);

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_REPLICATION_HPP_
