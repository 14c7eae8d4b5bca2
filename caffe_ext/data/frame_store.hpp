#ifndef TWO_STREAM_DATA_FRAME_STORE_HPP_
#define TWO_STREAM_DATA_FRAME_STORE_HPP_

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace two_stream {

// A frame that cannot be had: missing, unreadable or not an image. The layer
// retries it and then does without the clip; the text names the frame.
class FrameError : public std::runtime_error {
 public:
  explicit FrameError(const std::string& what) : std::runtime_error(what) {}
};

// Encoded frames by key ("path of the video/file name"). All methods may be
// called by several threads at once.
class FrameStore {
 public:
  virtual ~FrameStore() = default;

  virtual bool Exists(const std::string& key) const = 0;

  // The frame's bytes, as they were stored. Throws FrameError.
  virtual std::vector<uint8_t> Read(const std::string& key) const = 0;

  // Whether keys are paths of files, so that a relative one can be looked for
  // in several folders.
  virtual bool keys_are_paths() const = 0;
};

// Folders of image files.
std::unique_ptr<FrameStore> MakeFolderStore();

// One LMDB database (a folder with data.mdb, or a file), opened read-only.
// Throws UserError.
std::unique_ptr<FrameStore> MakeLmdbStore(const std::string& path);

}  // namespace two_stream

#endif  // TWO_STREAM_DATA_FRAME_STORE_HPP_
