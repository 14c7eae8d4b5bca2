#include "caffe_ext/parallel/snapshot_file.hpp"

#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <unistd.h>

#include <boost/filesystem.hpp>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

#include "caffe_ext/common/error.hpp"

namespace two_stream {
namespace {

class File {
 public:
  File(const std::string& name, int flags)
      : name_(name), descriptor_(open(name.c_str(), flags, 0666)) {
    if (descriptor_ < 0) Fail("opened");
  }
  ~File() { close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int descriptor() const { return descriptor_; }
  void Sync() {
    if (fsync(descriptor_) != 0) Fail("written to disk");
  }
  [[noreturn]] void Fail(const char* what, int error = errno) {
    throw UserError(name_ + ": cannot be " + what + " (" +
                    std::strerror(error) + ")");
  }

 private:
  const std::string name_;
  const int descriptor_;
};

}  // namespace

std::string PartialName(const std::string& file) {
  const boost::filesystem::path path(file);
  return (path.parent_path() / (".partial-" + path.filename().string()))
      .string();
}

void CommitFile(const std::string& file) {
  const std::string partial = PartialName(file);
  File(partial, O_RDONLY).Sync();
  if (std::rename(partial.c_str(), file.c_str()) != 0) {
    throw UserError(file + ": cannot be replaced (" + std::strerror(errno) +
                    ")");
  }
}

void WriteMessage(const google::protobuf::Message& message,
                  const std::string& file) {
  {
    File out(PartialName(file), O_WRONLY | O_CREAT | O_TRUNC);
    google::protobuf::io::FileOutputStream stream(out.descriptor());
    const bool whole =
        message.SerializeToZeroCopyStream(&stream) && stream.Flush();
    if (!whole) {
      out.Fail("written whole", stream.GetErrno() ? stream.GetErrno() : EFBIG);
    }
  }
  CommitFile(file);
}

void ReadMessage(const std::string& file, google::protobuf::Message* message) {
  File in(file, O_RDONLY);
  google::protobuf::io::FileInputStream stream(in.descriptor());
  google::protobuf::io::CodedInputStream coded(&stream);
  coded.SetTotalBytesLimit(INT_MAX);
  if (!message->ParseFromCodedStream(&coded)) {
    throw UserError(file + ": is not a whole " +
                    message->GetDescriptor()->name());
  }
}

}  // namespace two_stream
