#include "caffe_ext/data/name_pattern.hpp"

#include "caffe_ext/common/error.hpp"

namespace two_stream {

NamePattern::NamePattern(const std::string& text) : text_(text) {
  bool has_number = false;
  int fields = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\0') Fail("it has a zero byte");
    if (text[i] != '%') {
      literal_[fields] += text[i];
      continue;
    }
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (next == '%') {
      literal_[fields] += '%';
      i += 1;
    } else if (next == 'c') {
      if (has_component_) Fail("it has %c twice");
      has_component_ = true;
      fields += 1;
      i += 1;
    } else {
      const bool padded = next == '0' && i + 3 < text.size() &&
                          text[i + 2] >= '1' && text[i + 2] <= '9' &&
                          text[i + 3] == 'd';
      if (!padded && next != 'd')
        Fail("a % must begin %d, %0Nd with N of 1 to 9, %c or %%");
      if (has_number) Fail("it has two numbers");
      has_number = true;
      number_first_ = !has_component_;
      width_ = padded ? text[i + 2] - '0' : 0;
      fields += 1;
      i += padded ? 3 : 1;
    }
  }
  if (!has_number) Fail("it needs the frame's number, as %04d");
}

std::string NamePattern::Format(int number, char component) const {
  std::string digits = std::to_string(number);
  if (static_cast<int>(digits.size()) < width_)
    digits.insert(0, width_ - digits.size(), '0');
  if (!has_component_) return literal_[0] + digits + literal_[1];
  const std::string letter(1, component);
  return literal_[0] + (number_first_ ? digits : letter) + literal_[1] +
         (number_first_ ? letter : digits) + literal_[2];
}

void NamePattern::Fail(const std::string& what) const {
  throw UserError("name_pattern \"" + text_ + "\": " + what +
                  "; examples: image_%04d.jpg, flow_%c_%04d.jpg");
}

}  // namespace two_stream
