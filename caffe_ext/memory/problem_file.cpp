#include "caffe_ext/memory/problem_file.hpp"

#include <fstream>
#include <sstream>

#include "caffe_ext/common/error.hpp"

namespace two_stream {
namespace {

// Digits only: a stream would read "-1" into a size_t as 2^64 - 1.
bool ReadBytes(std::istream& in, size_t* bytes) {
  in >> std::ws;
  return in.peek() != '-' && static_cast<bool>(in >> *bytes);
}

// Parses one line; "" or what is wrong.
std::string ParseLine(const std::string& line, MemoryProblem* problem) {
  std::istringstream in(line);
  std::string keyword;
  if (!(in >> keyword)) return "";
  if (keyword == "alignment") {
    if (!ReadBytes(in, &problem->alignment)) {
      return "alignment needs a number of bytes";
    }
  } else if (keyword == "buffer") {
    Buffer buffer;
    if (!ReadBytes(in, &buffer.bytes) || !(in >> buffer.first >> buffer.last)) {
      return "expected: buffer <bytes> <first step> <last step> <name>";
    }
    std::getline(in >> std::ws, buffer.name);
    problem->buffers.push_back(buffer);
    return "";
  } else if (keyword == "overlay") {
    Overlay overlay;
    if (!(in >> overlay.reader >> overlay.writer >> overlay.min_lead)) {
      return "expected: overlay <reader> <writer> <min lead>";
    }
    problem->overlays.push_back(overlay);
  } else {
    return "unknown item '" + keyword +
           "'; expected alignment, buffer or overlay";
  }
  std::string rest;
  if (in >> rest) return "unexpected '" + rest + "' at the end of the line";
  return "";
}

}  // namespace

MemoryProblem ReadProblem(std::istream& in, const std::string& source) {
  MemoryProblem problem;
  std::string line;
  int number = 0;
  while (std::getline(in, line)) {
    ++number;
    const std::string fault =
        ParseLine(line.substr(0, line.find('#')), &problem);
    if (!fault.empty()) {
      throw UserError(source + ":" + std::to_string(number) + ": " + fault);
    }
  }
  const std::string fault = CheckProblem(problem);
  if (!fault.empty()) throw UserError(source + ": " + fault);
  return problem;
}

MemoryProblem ReadProblemFile(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw UserError(path + ": cannot be opened");
  return ReadProblem(in, path);
}

void WriteProblem(const MemoryProblem& problem, std::ostream& out) {
  out << "alignment " << problem.alignment << "\n";
  for (const Buffer& b : problem.buffers) {
    out << "buffer " << b.bytes << " " << b.first << " " << b.last << " "
        << b.name << "\n";
  }
  for (const Overlay& o : problem.overlays) {
    out << "overlay " << o.reader << " " << o.writer << " " << o.min_lead
        << "\n";
  }
}

}  // namespace two_stream
