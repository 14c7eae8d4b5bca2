#include "caffe_ext/data/frame_locator.hpp"

#include <glog/logging.h>

#include <algorithm>

#include "caffe_ext/common/error.hpp"

namespace two_stream {
namespace {

constexpr size_t kVideosTried = 20;
// The list is wrong, not one video, when this many agree.
constexpr int kVideosToBlameList = 3;

bool IsAbsolute(const std::string& path) {
  return !path.empty() && path[0] == '/';
}

std::string Join(const std::string& folder, const std::string& path) {
  if (folder.empty() || IsAbsolute(path)) return path;
  return folder.back() == '/' ? folder + path : folder + "/" + path;
}

std::vector<std::string> Bases(const FrameStore& store,
                               const LocateOptions& options) {
  if (!options.root_folder.empty()) return {options.root_folder};
  if (!store.keys_are_paths()) return {""};
  const size_t slash = options.list.rfind('/');
  if (slash == std::string::npos) return {""};  // beside it is here
  return {options.list.substr(0, std::max<size_t>(slash, 1)), ""};
}

std::vector<NamePattern> Patterns(const LocateOptions& options) {
  if (options.name_pattern.empty()) {
    std::vector<NamePattern> patterns;
    for (const std::string& text : UsualNamePatterns(options.flow))
      patterns.emplace_back(text);
    return patterns;
  }
  const NamePattern pattern(options.name_pattern);
  if (options.flow && !pattern.has_component()) {
    throw UserError("name_pattern \"" + pattern.text() +
                    "\": FLOW needs %c for x and y, as flow_%c_%04d.jpg");
  }
  if (!options.flow && pattern.has_component()) {
    throw UserError("name_pattern \"" + pattern.text() +
                    "\": %c is for modality: FLOW; RGB has no components");
  }
  return {pattern};
}

std::string Describe(const std::string& base) {
  return base.empty() ? "the working directory" : base;
}

[[noreturn]] void FailToLocate(const std::vector<VideoEntry>& videos,
                               const std::vector<std::string>& bases,
                               const std::vector<NamePattern>& patterns,
                               const LocateOptions& options) {
  const VideoEntry& video = videos.front();
  std::string places;
  for (const std::string& base : bases)
    places += (places.empty() ? "" : " or ") + Describe(base);
  throw UserError(options.list + ":" + std::to_string(video.line) +
                  ": no frame of " + video.path + " under " + places +
                  " (looked for " +
                  Join(video.path, patterns.front().Format(1)) +
                  (patterns.size() > 1 ? " and other usual names" : "") +
                  "); set root_folder or name_pattern of video_data_param");
}

// N frames give N - 1 fields of flow; a list written for RGB counts one too
// many.
void CheckFlowCounts(const FrameStore& store, const FrameLocator& locator,
                     const std::vector<VideoEntry>& videos,
                     const std::string& list) {
  const int tried = std::min<int>(videos.size(), kVideosToBlameList);
  for (int i = 0; i < tried; ++i) {
    const VideoEntry& video = videos[i];
    const int last = video.num_frames - 1;
    if (last < 1 || store.Exists(locator.Key(video, last)) ||
        !store.Exists(locator.Key(video, last - 1))) {
      return;
    }
  }
  const VideoEntry& video = videos.front();
  throw UserError(list + ":" + std::to_string(video.line) + ": " + video.path +
                  " has " + std::to_string(video.num_frames - 1) +
                  " flow fields, the list says " +
                  std::to_string(video.num_frames) +
                  "; num_frames of a flow list counts the flow_x files (N "
                  "frames give N - 1)");
}

}  // namespace

std::string FrameLocator::Key(const VideoEntry& video, int index,
                              char component) const {
  return Join(Join(base_, video.path), pattern_.Format(index + 1, component));
}

std::vector<std::string> UsualNamePatterns(bool flow) {
  const std::vector<std::string> prefixes =
      flow ? std::vector<std::string>{"flow_%c_", "flow_%c", "%c_"}
           : std::vector<std::string>{"image_", "img_", "frame_", "frame", ""};
  std::vector<std::string> patterns;
  for (const char* suffix : {".jpg", ".jpeg", ".png"}) {
    for (const std::string& prefix : prefixes) {
      for (const char* number : {"%04d", "%05d", "%06d", "%03d", "%d"})
        patterns.push_back(prefix + number + suffix);
    }
  }
  return patterns;
}

FrameLocator LocateFrames(const FrameStore& store,
                          const std::vector<VideoEntry>& videos,
                          const LocateOptions& options) {
  const std::vector<std::string> bases = Bases(store, options);
  const std::vector<NamePattern> patterns = Patterns(options);
  const size_t tried = std::min(videos.size(), kVideosTried);
  for (size_t i = 0; i < tried; ++i) {
    for (const std::string& base : bases) {
      for (const NamePattern& pattern : patterns) {
        const FrameLocator locator(base, pattern);
        if (!store.Exists(locator.Key(videos[i], 0))) continue;
        LOG(INFO) << options.list << ": frames as "
                  << Join(Join(base, videos[i].path), pattern.text());
        if (i > 0) {
          LOG(WARNING) << options.list << ": the first " << i
                       << " videos have no such frame";
        }
        if (options.flow) CheckFlowCounts(store, locator, videos, options.list);
        return locator;
      }
    }
  }
  FailToLocate(videos, bases, patterns, options);
}

}  // namespace two_stream
