#ifndef TWO_STREAM_DATA_VIDEO_DATA_SETTINGS_HPP_
#define TWO_STREAM_DATA_VIDEO_DATA_SETTINGS_HPP_

#include <cstdint>
#include <string>

#include "caffe/proto/caffe.pb.h"
#include "caffe_ext/data/augment.hpp"
#include "caffe_ext/data/clip_reader.hpp"
#include "caffe_ext/data/frame_locator.hpp"
#include "caffe_ext/data/sampling.hpp"

namespace two_stream {

// The fields of a VideoData layer, checked and in our types.
struct VideoDataSettings {
  caffe::VideoDataParameter video;  // the rest: source, store, short_clip, ...
  bool train = false;
  uint32_t batch_size = 0;
  int threads = 1;
  bool shuffle = false;  // never in TEST
  uint32_t rand_skip = 0;
  SnippetLayout snippets;
  ShortClipFill fill = ShortClipFill::kLoop;
  FrameFormat format;
  LocateOptions locate;
  AugmentSettings augment;

  int channels() const {
    return snippets.num_segments * snippets.length * format.channels();
  }
};

// Reads them from a layer's parameters; the deprecated fields of
// video_data_param count where transform_param has no such field. Reads the
// mean file. `cores`: how many threads `threads: 0` means; 0: the machine's.
// Throws UserError.
VideoDataSettings MakeVideoDataSettings(const caffe::LayerParameter& layer,
                                        caffe::Phase phase, int cores);

// The backend that `store` names. Throws UserError.
std::unique_ptr<FrameStore> OpenFrameStore(
    const caffe::VideoDataParameter& video);

}  // namespace two_stream

#endif  // TWO_STREAM_DATA_VIDEO_DATA_SETTINGS_HPP_
