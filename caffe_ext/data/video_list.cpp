#include "caffe_ext/data/video_list.hpp"

#include <charconv>
#include <cstdint>
#include <fstream>
#include <string_view>
#include <system_error>

#include "caffe_ext/common/error.hpp"

namespace two_stream {
namespace {

constexpr char kBlanks[] = " \t\r\v\f";
constexpr int64_t kMaxFrames = 100 * 1000 * 1000;
constexpr int64_t kMaxLabel = 1 << 24;  // labels travel as float
constexpr size_t kShownText = 60;

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Takes the last blank-separated field off `text`.
std::string_view TakeLastField(std::string_view* text) {
  const size_t blank = text->find_last_of(kBlanks);
  const size_t begin = blank == std::string_view::npos ? 0 : blank + 1;
  const std::string_view field = text->substr(begin);
  *text = Trim(text->substr(0, begin));
  return field;
}

// What a message may show of a line that can hold anything.
std::string Quoted(std::string_view text) {
  std::string shown = "\"";
  for (char c : text.substr(0, kShownText))
    shown += (c >= 0 && c < ' ') || c == 127 ? '?' : c;
  return shown + (text.size() > kShownText ? "...\"" : "\"");
}

class LineParser {
 public:
  LineParser(const std::string& name, int line)
      : where_(name + ":" + std::to_string(line) + ": "), line_(line) {}

  VideoEntry Parse(std::string_view text) const {
    if (text.find('\0') != std::string_view::npos)
      Fail("the line has a zero byte; is this a text file?");
    std::string_view rest = text;
    const std::string_view label = TakeLastField(&rest);
    const std::string_view frames = TakeLastField(&rest);
    if (rest.empty()) {
      Fail(Quoted(text) +
           " has too few fields; a line is \"path num_frames label\"");
    }
    VideoEntry entry;
    entry.path = std::string(rest);
    entry.num_frames =
        static_cast<int>(Number(frames, "num_frames", kMaxFrames));
    entry.label = static_cast<int>(Number(label, "label", kMaxLabel));
    entry.line = line_;
    if (entry.num_frames == 0) {
      Fail("the video " + Quoted(rest) +
           " has 0 frames; extract its frames or remove the line");
    }
    return entry;
  }

 private:
  int64_t Number(std::string_view field, const char* what, int64_t max) const {
    int64_t value = 0;
    const char* end = field.data() + field.size();
    const auto [stop, error] = std::from_chars(field.data(), end, value);
    if (error == std::errc::invalid_argument || stop != end) {
      Fail(std::string(what) + " " + Quoted(field) +
           " is not a whole number; a line is \"path num_frames label\"");
    }
    if (error == std::errc::result_out_of_range || value < 0 || value > max) {
      Fail(std::string(what) + " " + Quoted(field) +
           " is out of range; it must be 0 to " + std::to_string(max));
    }
    return value;
  }

  [[noreturn]] void Fail(const std::string& what) const {
    throw UserError(where_ + what);
  }

  std::string where_;
  int line_;
};

}  // namespace

std::vector<VideoEntry> ParseVideoList(std::istream& in,
                                       const std::string& name) {
  std::vector<VideoEntry> entries;
  std::string text;
  for (int line = 1; std::getline(in, text); ++line) {
    std::string_view content = text;
    if (line == 1 && content.substr(0, 3) == "\xEF\xBB\xBF")
      content.remove_prefix(3);
    content = Trim(content);
    if (!content.empty())
      entries.push_back(LineParser(name, line).Parse(content));
  }
  if (in.bad()) throw UserError(name + ": reading failed; check the disk");
  if (entries.empty()) {
    throw UserError(name +
                    ": the list is empty; it needs a line \"path num_frames "
                    "label\" for each video");
  }
  return entries;
}

std::vector<VideoEntry> ReadVideoList(const std::string& path) {
  if (path.empty()) {
    throw UserError(
        "video_data_param has no source; set it to a list of videos");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw UserError(path +
                    ": cannot open the list of videos; set source of "
                    "video_data_param to one (two-stream prepare writes them)");
  }
  return ParseVideoList(file, path);
}

}  // namespace two_stream
