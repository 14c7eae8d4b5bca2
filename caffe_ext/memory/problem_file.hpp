#ifndef TWO_STREAM_MEMORY_PROBLEM_FILE_HPP_
#define TWO_STREAM_MEMORY_PROBLEM_FILE_HPP_

#include <iosfwd>
#include <string>

#include "caffe_ext/memory/planner.hpp"

namespace two_stream {

// A planning problem as text, so that a net's lifetimes can be kept and
// replayed without the net. One item a line, '#' starts a comment:
//   alignment 64
//   buffer <bytes> <first step> <last step> <name, to the end of the line>
//   overlay <reader> <writer> <min lead>    (buffers by index from 0)

// Throws UserError with "source:line: ..." if the text is not one.
MemoryProblem ReadProblem(std::istream& in, const std::string& source);
MemoryProblem ReadProblemFile(const std::string& path);

void WriteProblem(const MemoryProblem& problem, std::ostream& out);

}  // namespace two_stream

#endif  // TWO_STREAM_MEMORY_PROBLEM_FILE_HPP_
