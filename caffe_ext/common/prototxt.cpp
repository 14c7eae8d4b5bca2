#include "caffe_ext/common/prototxt.hpp"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <regex>
#include <sstream>

#include "caffe/common.hpp"  // upgrade_proto.hpp needs its string
#include "caffe/util/upgrade_proto.hpp"
#include "caffe_ext/common/error.hpp"

namespace two_stream {

using std::string;

namespace {

// Keeps the first error; later ones mostly follow from it.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const string& message) override {
    if (!text.empty()) return;
    std::ostringstream out;
    if (line >= 0) out << line + 1 << ":" << column + 1 << ": ";
    out << message;
    text = out.str();
  }
  string text;
};

// Blanks comments, keeping every offset and line.
string WithoutComments(string text) {
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (quote) {
      if (text[i] == '\\') {
        ++i;
      } else if (text[i] == quote || text[i] == '\n') {
        quote = 0;
      }
    } else if (text[i] == '"' || text[i] == '\'') {
      quote = text[i];
    } else if (text[i] == '#') {
      while (i < text.size() && text[i] != '\n') text[i++] = ' ';
    }
  }
  return text;
}

// Takes every device_id out of `text` (blanked, so that lines stay) and returns
// their values.
std::vector<int> TakeDeviceIds(string* text) {
  static const std::regex kField(
      R"(\bdevice_id\s*:\s*(\[[-\d,\s]*\]|-?\d+)\s*[;,]?)");
  static const std::regex kNumber(R"(-?\d+)");
  std::vector<int> ids;
  const string bare = WithoutComments(*text);
  for (std::sregex_iterator it(bare.begin(), bare.end(), kField), end;
       it != end; ++it) {
    const string value = it->str(1);
    for (std::sregex_iterator n(value.begin(), value.end(), kNumber); n != end;
         ++n) {
      ids.push_back(std::stoi(n->str()));
    }
    for (int i = 0; i < it->length(); ++i) {
      char& c = (*text)[it->position() + i];
      if (c != '\n') c = ' ';
    }
  }
  return ids;
}

// As Caffe: without a prefix it is the solver's own name, and a folder stands
// for that name inside it.
void FillSnapshotPrefix(const string& file, caffe::SolverParameter* param) {
  const boost::filesystem::path solver(file);
  const string stem = solver.stem().string();
  if (!param->has_snapshot_prefix()) {
    param->set_snapshot_prefix((solver.parent_path() / stem).string());
  } else if (boost::filesystem::is_directory(param->snapshot_prefix())) {
    param->set_snapshot_prefix(
        (boost::filesystem::path(param->snapshot_prefix()) / stem).string());
  }
}

}  // namespace

string ReadTextFile(const string& file, const string& what) {
  struct stat info;
  if (stat(file.c_str(), &info) != 0) {
    throw UserError(file + ": cannot be read (" + std::strerror(errno) +
                    "); it was asked for as the " + what);
  }
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (S_ISDIR(info.st_mode) || !in || !(text << in.rdbuf())) {
    throw UserError(
        file + ": is no readable, non-empty file; it was asked for as the " +
        what);
  }
  return text.str();
}

void ParsePrototxt(const string& text, const string& file,
                   google::protobuf::Message* message) {
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (!parser.ParseFromString(text, message)) {
    throw UserError(file + ":" + error.text);
  }
}

caffe::NetParameter ReadNetFile(const string& file) {
  caffe::NetParameter net;
  ParsePrototxt(ReadTextFile(file, "net"), file, &net);
  caffe::UpgradeNetAsNeeded(file, &net);
  return net;
}

SolverFile ReadSolverFile(const string& file) {
  SolverFile solver;
  string text = ReadTextFile(file, "solver");
  solver.device_ids = TakeDeviceIds(&text);
  ParsePrototxt(text, file, &solver.param);
  if (!solver.device_ids.empty()) {
    solver.param.set_device_id(solver.device_ids.front());
  }
  caffe::UpgradeSolverAsNeeded(file, &solver.param);
  FillSnapshotPrefix(file, &solver.param);
  return solver;
}

std::vector<string> NetFiles(const caffe::SolverParameter& solver) {
  std::vector<string> files;
  auto add = [&files](const string& file) {
    if (!file.empty() &&
        std::find(files.begin(), files.end(), file) == files.end()) {
      files.push_back(file);
    }
  };
  add(solver.train_net());
  add(solver.net());
  for (const string& file : solver.test_net()) add(file);
  return files;
}

}  // namespace two_stream
