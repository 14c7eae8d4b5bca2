#include "caffe_ext/data/sampling.hpp"

#include <algorithm>
#include <cstdint>

namespace two_stream {
namespace {

int SnippetStart(int num_frames, const SnippetLayout& layout, int segment,
                 RandomStream* random) {
  if (IsShortClip(num_frames, layout)) {
    return static_cast<int>(int64_t{segment} * num_frames /
                            layout.num_segments);
  }
  const int d = num_frames / layout.num_segments;
  const int offset = random ? random->UniformInt(d - layout.length + 1)
                            : (d - layout.length + 1) / 2;
  return segment * d + offset;
}

}  // namespace

bool IsShortClip(int num_frames, const SnippetLayout& layout) {
  return num_frames / layout.num_segments < layout.length;
}

std::vector<int> SampleFrames(int num_frames, const SnippetLayout& layout,
                              ShortClipFill fill, RandomStream* random) {
  std::vector<int> frames;
  frames.reserve(layout.num_segments * layout.length);
  for (int segment = 0; segment < layout.num_segments; ++segment) {
    const int start = SnippetStart(num_frames, layout, segment, random);
    for (int k = 0; k < layout.length; ++k) {
      frames.push_back(fill == ShortClipFill::kLoop
                           ? (start + k) % num_frames
                           : std::min(start + k, num_frames - 1));
    }
  }
  return frames;
}

}  // namespace two_stream
