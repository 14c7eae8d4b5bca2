#ifndef TWO_STREAM_LAYERS_DROPOUT_LAYER_HPP_
#define TWO_STREAM_LAYERS_DROPOUT_LAYER_HPP_

#include <vector>

#include "caffe/layers/neuron_layer.hpp"
#include "caffe_ext/common/data_cursor.hpp"
#include "caffe_ext/common/sharded_layer.hpp"
#include "caffe_ext/layers/dropout_mask.hpp"

namespace two_stream {

// Dropout with the field and meaning of Caffe's, and masks drawn for each
// global sample: the same for any number of ranks, before and behind a Gather,
// and after a resume. Its cursor counts the samples (rows of the first axis)
// that it has seen on all ranks; setting it back to what it was before a
// Forward() makes the next one draw the same mask again. Masks are not stored.
template <typename Dtype>
class DropoutLayer : public caffe::NeuronLayer<Dtype>,
                     public DataCursor,
                     public ShardedLayer {
 public:
  explicit DropoutLayer(const caffe::LayerParameter& param)
      : caffe::NeuronLayer<Dtype>(param) {}

  void LayerSetUp(const std::vector<caffe::Blob<Dtype>*>& bottom,
                  const std::vector<caffe::Blob<Dtype>*>& top) override;
  const char* type() const override { return "Dropout"; }

  uint64_t data_cursor() const override { return cursor_; }
  void set_data_cursor(uint64_t sample) override { cursor_ = sample; }
  void set_shard(int rank, int world) override {
    rank_ = rank;
    world_ = world;
  }

 protected:
  void Forward_cpu(const std::vector<caffe::Blob<Dtype>*>& bottom,
                   const std::vector<caffe::Blob<Dtype>*>& top) override;
  void Forward_gpu(const std::vector<caffe::Blob<Dtype>*>& bottom,
                   const std::vector<caffe::Blob<Dtype>*>& top) override;
  void Backward_cpu(const std::vector<caffe::Blob<Dtype>*>& top,
                    const std::vector<bool>& propagate_down,
                    const std::vector<caffe::Blob<Dtype>*>& bottom) override;
  void Backward_gpu(const std::vector<caffe::Blob<Dtype>*>& top,
                    const std::vector<bool>& propagate_down,
                    const std::vector<caffe::Blob<Dtype>*>& bottom) override;

 private:
  // Sets the mask for a batch of `rows` and moves the cursor past it.
  void NextMask(int rows);

  DropoutMask mask_;  // of the last Forward()
  Dtype scale_ = 1;
  int rank_ = 0, world_ = 1;
  uint64_t cursor_ = 0;
};

}  // namespace two_stream

#endif  // TWO_STREAM_LAYERS_DROPOUT_LAYER_HPP_
