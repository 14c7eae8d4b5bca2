#include "caffe_ext/data/video_data_layer.hpp"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

#include "caffe/util/rng.hpp"
#include "caffe_ext/common/error.hpp"
#include "caffe_ext/common/register_layer.hpp"
#include "caffe_ext/common/run_context.hpp"

namespace two_stream {
namespace {

RunContext CurrentRunContext() {
  if (RunContext::Current()) return *RunContext::Current();
  RunContext context;
  context.seed = caffe::caffe_rng_rand();
  context.rank = caffe::Caffe::solver_rank();
  context.world = caffe::Caffe::solver_count();
  LOG_IF(WARNING, context.world > 1)
      << "no run context: each rank draws a seed of its own, so their shares "
         "of the list may overlap";
  return context;
}

// Leaves out the clips that short_clip: SKIP says to, or fails as FAIL says.
std::vector<VideoEntry> LongEnough(std::vector<VideoEntry> videos,
                                   const VideoDataSettings& settings) {
  using caffe::VideoDataParameter;
  const VideoDataParameter::ShortClip choice = settings.video.short_clip();
  const std::string& list = settings.video.source();
  const SnippetLayout& snippets = settings.snippets;
  const int needed = snippets.num_segments * snippets.length;
  const auto is_short = [&](const VideoEntry& video) {
    return IsShortClip(video.num_frames, snippets);
  };
  const auto first = std::find_if(videos.begin(), videos.end(), is_short);
  if (first == videos.end()) return videos;
  const std::string example = list + ":" + std::to_string(first->line) + ": " +
                              first->path + " has " +
                              std::to_string(first->num_frames) + " frames, " +
                              std::to_string(needed) + " are needed";
  if (choice == VideoDataParameter::FAIL) {
    throw UserError(example +
                    "; choose short_clip: LOOP, PAD or SKIP of "
                    "video_data_param");
  }
  const size_t before = videos.size();
  const size_t count = std::count_if(videos.begin(), videos.end(), is_short);
  LOG(WARNING) << count << " of " << before << " clips are short and "
               << (choice == VideoDataParameter::SKIP  ? "left out"
                   : choice == VideoDataParameter::PAD ? "padded"
                                                       : "looped")
               << " (" << example << ")";
  if (choice == VideoDataParameter::SKIP) {
    videos.erase(std::remove_if(videos.begin(), videos.end(), is_short),
                 videos.end());
  }
  if (videos.empty()) {
    throw UserError(example +
                    ", and so it is with every video; choose a smaller "
                    "new_length or short_clip: LOOP");
  }
  return videos;
}

}  // namespace

template <typename Dtype>
void VideoDataLayer<Dtype>::LayerSetUp(const Blobs&, const Blobs& top) {
  try {
    Configure(top);
  } catch (const UserError& error) {
    throw UserError("layer " + this->layer_param_.name() + ": " + error.what());
  }
}

template <typename Dtype>
void VideoDataLayer<Dtype>::Configure(const Blobs& top) {
  const RunContext context = CurrentRunContext();
  settings_ =
      MakeVideoDataSettings(this->layer_param_, this->phase_, context.cores);
  CHECK(context.rank >= 0 && context.rank < context.world);
  if (settings_.train || context.shard_test_nets) {
    shard_ = {static_cast<uint32_t>(context.rank),
              static_cast<uint32_t>(context.world)};
  }
  const Augment augment(settings_.augment, settings_.channels());
  std::vector<VideoEntry> videos = ReadVideoList(settings_.video.source());
  LOG(INFO) << settings_.video.source() << ": " << videos.size() << " videos";
  videos = LongEnough(std::move(videos), settings_);
  std::shared_ptr<const FrameStore> store = OpenFrameStore(settings_.video);
  const FrameLocator locator = LocateFrames(*store, videos, settings_.locate);
  ledger_ = std::make_unique<FailureLedger>(settings_.video.max_failed_share(),
                                            videos.size());
  loader_ = std::make_unique<SampleLoader>(
      std::move(videos),
      ClipReader(std::move(store), locator, settings_.format), augment,
      SampleLoaderSettings{settings_.train, context.seed, settings_.shuffle,
                           settings_.snippets, settings_.fill});
  if (settings_.rand_skip > 0) {
    RandomStream skip(context.seed, RandomPurpose::kDataSkip, 0, 0, 0);
    cursor_ = skip.UniformInt(settings_.rand_skip);
    LOG(INFO) << "rand_skip: begins with video " << cursor_;
  }
  sample_shape_ = loader_->SampleShape();
  const int batch = settings_.batch_size;
  top[0]->Reshape(
      {batch, sample_shape_[0], sample_shape_[1], sample_shape_[2]});
  if (top.size() > 1) top[1]->Reshape({batch});
  LOG(INFO) << "batches of " << top[0]->shape_string() << ", read by "
            << settings_.threads << " threads, rank " << shard_.rank << " of "
            << shard_.world;
}

template <typename Dtype>
void VideoDataLayer<Dtype>::StartReading() {
  const uint64_t first = cursor_;
  const size_t sample_count =
      size_t{1} * sample_shape_[0] * sample_shape_[1] * sample_shape_[2];
  prefetcher_ = std::make_unique<BatchPrefetcher<Dtype>>(
      settings_.batch_size, sample_count, settings_.threads,
      settings_.video.prefetch(),
      [this, first](uint64_t batch, uint32_t item, Dtype* sample, Dtype* label,
                    std::vector<std::string>* failures) {
        loader_->Load(
            shard_.GlobalSample(first, batch, settings_.batch_size, item),
            sample_shape_, sample, label, failures);
      });
}

template <typename Dtype>
void VideoDataLayer<Dtype>::set_data_cursor(uint64_t global_sample) {
  upload_.reset();
  prefetcher_.reset();
  cursor_ = global_sample;
}

template <typename Dtype>
const PrefetchedBatch<Dtype>& VideoDataLayer<Dtype>::NextBatch(
    const Blobs& top) {
  if (!prefetcher_) StartReading();
  try {
    const PrefetchedBatch<Dtype>& batch = prefetcher_->Next();
    ledger_->Book(batch.failures);
    if (top.size() > 1) {
      std::copy(batch.labels.begin(), batch.labels.end(),
                top[1]->mutable_cpu_data());
    }
    cursor_ += uint64_t{shard_.world} * settings_.batch_size;
    return batch;
  } catch (const UserError& error) {
    throw UserError("layer " + this->layer_param_.name() + ": " + error.what());
  }
}

template <typename Dtype>
void VideoDataLayer<Dtype>::Forward_cpu(const Blobs&, const Blobs& top) {
  upload_.reset();
  const PrefetchedBatch<Dtype>& batch = NextBatch(top);
  std::copy_n(batch.data, top[0]->count(), top[0]->mutable_cpu_data());
}

template <typename Dtype>
void VideoDataLayer<Dtype>::Forward_gpu(const Blobs&, const Blobs& top) {
  const PrefetchedBatch<Dtype>& batch = NextBatch(top);
  const size_t bytes = top[0]->count() * sizeof(Dtype);
  if (!upload_) upload_ = BatchUploadToDevice()();
  if (!upload_->begun()) upload_->Begin(batch.data, bytes);
  upload_->Finish(top[0]->mutable_gpu_data());
  const PrefetchedBatch<Dtype>* next = prefetcher_->Peek();
  if (next) upload_->Begin(next->data, bytes);
}

TWO_STREAM_REGISTER_LAYER(VideoData, VideoDataLayer);

}  // namespace two_stream
