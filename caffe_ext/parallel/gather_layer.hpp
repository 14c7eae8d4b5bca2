#ifndef TWO_STREAM_PARALLEL_GATHER_LAYER_HPP_
#define TWO_STREAM_PARALLEL_GATHER_LAYER_HPP_

#include <vector>

#include "caffe/layer.hpp"
#include "caffe_ext/parallel/communicator.hpp"

namespace two_stream {

// Hands every rank the samples of all ranks, in rank order. Bottoms and tops
// in pairs: b samples of any shape in, world x b out. Layers behind it do the
// same work on every rank and their gradients need no exchange; for VGG-16's
// fully connected layers that is nine tenths of all gradients.
//
// Backward gives each rank the slice of its own samples, times the number of
// ranks: SyncSgd divides by it.
//
// In test nets, which the ranks run on different batches, and with one rank,
// tops share the bottoms' memory and nothing is done.
template <typename Dtype>
class GatherLayer : public caffe::Layer<Dtype> {
 public:
  explicit GatherLayer(const caffe::LayerParameter& param)
      : caffe::Layer<Dtype>(param) {}

  void LayerSetUp(const std::vector<caffe::Blob<Dtype>*>& bottom,
                  const std::vector<caffe::Blob<Dtype>*>& top) override;
  void Reshape(const std::vector<caffe::Blob<Dtype>*>& bottom,
               const std::vector<caffe::Blob<Dtype>*>& top) override;

  const char* type() const override { return "Gather"; }
  int MinBottomBlobs() const override { return 1; }
  bool EqualNumBottomTopBlobs() const override { return true; }

 protected:
  void Forward_cpu(const std::vector<caffe::Blob<Dtype>*>& bottom,
                   const std::vector<caffe::Blob<Dtype>*>& top) override;
  void Backward_cpu(const std::vector<caffe::Blob<Dtype>*>& top,
                    const std::vector<bool>& propagate_down,
                    const std::vector<caffe::Blob<Dtype>*>& bottom) override;
  // Caffe's GPU mode comes here too: blobs move to where the communicator
  // wants them.

 private:
  Communicator* communicator_ = nullptr;  // null: nothing to gather
};

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_GATHER_LAYER_HPP_
