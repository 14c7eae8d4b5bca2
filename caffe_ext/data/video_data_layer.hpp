#ifndef TWO_STREAM_DATA_VIDEO_DATA_LAYER_HPP_
#define TWO_STREAM_DATA_VIDEO_DATA_LAYER_HPP_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "caffe/layer.hpp"
#include "caffe_ext/common/data_cursor.hpp"
#include "caffe_ext/data/batch_prefetcher.hpp"
#include "caffe_ext/data/batch_upload.hpp"
#include "caffe_ext/data/failure_ledger.hpp"
#include "caffe_ext/data/sample_loader.hpp"
#include "caffe_ext/data/sample_order.hpp"
#include "caffe_ext/data/video_data_settings.hpp"

namespace two_stream {

// Snippets of videos from a list "path num_frames label" (sections 3 and 4 of
// the paper; fields in caffe_ext/proto/video_data.proto).
//
// No bottoms. Tops:
//   data   batch x (num_segments * new_length * C) x height x width, C = 2 for
//          FLOW (x1, y1, x2, y2, ...), 3 (BGR) or 1 for RGB; segment by
//          segment;
//   label  batch, optional.
//
// What Forward() gives is a function of the run's seed, the data cursor and
// this rank's shard (RunContext), and of nothing else: neither threads nor the
// number of ranks change the global batch. TEST reads the list in order, draws
// nothing. Throws UserError from LayerSetUp and Forward.
template <typename Dtype>
class VideoDataLayer : public caffe::Layer<Dtype>, public DataCursor {
 public:
  using Blobs = std::vector<caffe::Blob<Dtype>*>;

  explicit VideoDataLayer(const caffe::LayerParameter& param)
      : caffe::Layer<Dtype>(param) {}

  void LayerSetUp(const Blobs& bottom, const Blobs& top) override;
  void Reshape(const Blobs&, const Blobs&) override {}

  const char* type() const override { return "VideoData"; }
  int ExactNumBottomBlobs() const override { return 0; }
  int MinTopBlobs() const override { return 1; }
  int MaxTopBlobs() const override { return 2; }

  uint64_t data_cursor() const override { return cursor_; }
  void set_data_cursor(uint64_t global_sample) override;

  const FailureLedger& failures() const { return *ledger_; }

 protected:
  void Forward_cpu(const Blobs& bottom, const Blobs& top) override;
  void Forward_gpu(const Blobs& bottom, const Blobs& top) override;
  void Backward_cpu(const Blobs&, const std::vector<bool>&,
                    const Blobs&) override {}
  void Backward_gpu(const Blobs&, const std::vector<bool>&,
                    const Blobs&) override {}

 private:
  void Configure(const Blobs& top);
  void StartReading();
  // The next batch, whose labels are put into their top.
  const PrefetchedBatch<Dtype>& NextBatch(const Blobs& top);

  VideoDataSettings settings_;
  DataShard shard_;
  std::vector<int> sample_shape_;  // channels, height, width
  std::unique_ptr<const SampleLoader> loader_;
  std::unique_ptr<FailureLedger> ledger_;
  uint64_t cursor_ = 0;
  // Declared here: its threads use all of the above. Empty until the first
  // Forward(), and after the cursor was set.
  std::unique_ptr<BatchPrefetcher<Dtype>> prefetcher_;
  // Declared last: it reads the batches of the one above. In GPU mode only.
  std::unique_ptr<BatchUpload> upload_;
};

}  // namespace two_stream

#endif  // TWO_STREAM_DATA_VIDEO_DATA_LAYER_HPP_
