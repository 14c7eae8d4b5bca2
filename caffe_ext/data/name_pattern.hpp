#ifndef TWO_STREAM_DATA_NAME_PATTERN_HPP_
#define TWO_STREAM_DATA_NAME_PATTERN_HPP_

#include <string>

namespace two_stream {

// A frame's file name with a number in it, in printf's notation but read by our
// own code: exactly one %d or %0Nd (N of 1 to 9), at most one %c (x or y, for
// flow), %% for a percent sign, nothing else. "flow_%c_%04d.jpg".
class NamePattern {
 public:
  // Throws UserError that quotes the pattern.
  explicit NamePattern(const std::string& text);

  // The name of frame `number` (1-based on disk).
  std::string Format(int number, char component = 'x') const;

  bool has_component() const { return has_component_; }
  const std::string& text() const { return text_; }

 private:
  [[noreturn]] void Fail(const std::string& what) const;

  std::string text_;
  // Literal text around the number and the component, in order of appearance.
  std::string literal_[3];
  bool has_component_ = false;
  bool number_first_ = true;
  int width_ = 0;
};

}  // namespace two_stream

#endif  // TWO_STREAM_DATA_NAME_PATTERN_HPP_
