#ifndef TWO_STREAM_PARALLEL_SNAPSHOT_FILE_HPP_
#define TWO_STREAM_PARALLEL_SNAPSHOT_FILE_HPP_

#include <google/protobuf/message.h>

#include <string>

namespace two_stream {

// The name under which `file` is written before it is whole: hidden, in the
// same folder.
std::string PartialName(const std::string& file);

// Flushes PartialName(file) to disk and renames it to `file`.
void CommitFile(const std::string& file);

// Writes a message in binary form and commits it. UserError on any failure.
void WriteMessage(const google::protobuf::Message& message,
                  const std::string& file);

// UserError if it cannot be read or parsed.
void ReadMessage(const std::string& file, google::protobuf::Message* message);

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_SNAPSHOT_FILE_HPP_
