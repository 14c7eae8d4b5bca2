#ifndef TWO_STREAM_DATA_SAMPLING_HPP_
#define TWO_STREAM_DATA_SAMPLING_HPP_

#include <vector>

#include "caffe_ext/random/random_stream.hpp"

namespace two_stream {

// What stands in for the frames that a short clip does not have.
enum class ShortClipFill {
  kLoop,  // from the first frame on again
  kPad,   // the last frame
};

// Which frames of a video make a sample (section 3 of the paper): the video is
// cut into num_segments segments of d = num_frames / num_segments frames, the
// rest left over, and each gives a snippet of `length` consecutive frames.
struct SnippetLayout {
  int num_segments = 1;
  int length = 1;
};

// Whether the segments of a video of `num_frames` are shorter than a snippet.
bool IsShortClip(int num_frames, const SnippetLayout& layout);

// The num_segments x length frames of a sample, 0-based, segment by segment.
// With `random` (TRAIN) each snippet begins at a uniform offset in
// [0, d - length] of its segment, one draw each; without (TEST) at the centre,
// (d - length + 1) / 2. A short clip draws nothing: its snippets begin where
// equal parts would, and frames past the end are filled.
std::vector<int> SampleFrames(int num_frames, const SnippetLayout& layout,
                              ShortClipFill fill, RandomStream* random);

}  // namespace two_stream

#endif  // TWO_STREAM_DATA_SAMPLING_HPP_
