#ifndef TWO_STREAM_DATA_VIDEO_LIST_HPP_
#define TWO_STREAM_DATA_VIDEO_LIST_HPP_

#include <istream>
#include <string>
#include <vector>

namespace two_stream {

// One line of a list: "path num_frames label".
struct VideoEntry {
  std::string path;  // folder of the frames, as written in the list
  int num_frames;  // files on disk: frames, or flow fields (N frames give N-1)
  int label;
  int line;  // 1-based, for messages
};

// Parses a list. The last two fields are the numbers, so a path may have
// spaces. Blank lines, CRLF and a UTF-8 byte order mark are accepted. `name`
// stands for the list in messages. Throws UserError: "name:line: ...".
std::vector<VideoEntry> ParseVideoList(std::istream& in,
                                       const std::string& name);

// The same from a file.
std::vector<VideoEntry> ReadVideoList(const std::string& path);

}  // namespace two_stream

#endif  // TWO_STREAM_DATA_VIDEO_LIST_HPP_
