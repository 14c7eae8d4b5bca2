#ifndef TWO_STREAM_COMMON_ERROR_HPP_
#define TWO_STREAM_COMMON_ERROR_HPP_

#include <stdexcept>
#include <string>

namespace two_stream {

// Something the user can mend: a list, a file, a prototxt. The text is one
// line: "file:line: what is wrong; what to do". The caffe command prints it and
// exits with status 1; pycaffe raises it as RuntimeError.
class UserError : public std::runtime_error {
 public:
  explicit UserError(const std::string& what) : std::runtime_error(what) {}
};

}  // namespace two_stream

#endif  // TWO_STREAM_COMMON_ERROR_HPP_
