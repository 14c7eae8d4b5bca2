#ifndef TWO_STREAM_DATA_FRAME_LOCATOR_HPP_
#define TWO_STREAM_DATA_FRAME_LOCATOR_HPP_

#include <string>
#include <vector>

#include "caffe_ext/data/frame_store.hpp"
#include "caffe_ext/data/name_pattern.hpp"
#include "caffe_ext/data/video_list.hpp"

namespace two_stream {

// Where the frames of a list are and what they are called.
class FrameLocator {
 public:
  // `base` is put before relative paths of the list; "" leaves them as they
  // are.
  FrameLocator(const std::string& base, const NamePattern& pattern)
      : base_(base), pattern_(pattern) {}

  // The store's key of frame `index`, 0-based; files are numbered from 1.
  std::string Key(const VideoEntry& video, int index,
                  char component = 'x') const;

  const std::string& base() const { return base_; }
  const NamePattern& pattern() const { return pattern_; }

 private:
  std::string base_;
  NamePattern pattern_;
};

struct LocateOptions {
  bool flow = false;
  std::string list;          // path of the list
  std::string root_folder;   // "": not given
  std::string name_pattern;  // "": find out
};

// Looks for the first frame of the list's first video (of a few more where that
// one is missing) under root_folder if given, else beside the list, else under
// the working directory, by the pattern given or else by the usual ones; takes
// the first that is there and logs it. Also checks num_frames against the files
// and throws where the list plainly counts frames, not flow fields.
// Throws UserError that says where it looked and for what.
FrameLocator LocateFrames(const FrameStore& store,
                          const std::vector<VideoEntry>& videos,
                          const LocateOptions& options);

// The patterns that are tried, in order.
std::vector<std::string> UsualNamePatterns(bool flow);

}  // namespace two_stream

#endif  // TWO_STREAM_DATA_FRAME_LOCATOR_HPP_
