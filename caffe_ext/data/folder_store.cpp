#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "caffe_ext/data/frame_store.hpp"

namespace two_stream {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 30;

class FolderStore : public FrameStore {
 public:
  bool Exists(const std::string& key) const override {
    struct stat info;
    return stat(key.c_str(), &info) == 0 && S_ISREG(info.st_mode);
  }

  std::vector<uint8_t> Read(const std::string& key) const override {
    const std::unique_ptr<FILE, int (*)(FILE*)> file(fopen(key.c_str(), "rb"),
                                                     &fclose);
    if (!file) throw FrameError(key + ": " + strerror(errno));
    struct stat info;
    if (fstat(fileno(file.get()), &info) != 0 || !S_ISREG(info.st_mode))
      throw FrameError(key + ": not a file");
    if (info.st_size > kMaxBytes)
      throw FrameError(key + ": not a frame, too big");
    std::vector<uint8_t> bytes(info.st_size);
    if (fread(bytes.data(), 1, bytes.size(), file.get()) != bytes.size())
      throw FrameError(key + ": reading failed");
    return bytes;
  }

  bool keys_are_paths() const override { return true; }
};

}  // namespace

std::unique_ptr<FrameStore> MakeFolderStore() {
  return std::make_unique<FolderStore>();
}

}  // namespace two_stream
