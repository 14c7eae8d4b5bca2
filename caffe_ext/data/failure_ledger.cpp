#include "caffe_ext/data/failure_ledger.hpp"

#include <glog/logging.h>

#include <algorithm>
#include <sstream>

#include "caffe_ext/common/error.hpp"

namespace two_stream {
namespace {

constexpr uint64_t kLeastRead = 200;
constexpr uint64_t kLoggedOneByOne = 100;
constexpr uint64_t kLoggedEach = 1000;

}  // namespace

FailureLedger::FailureLedger(double max_share, uint64_t num_videos)
    : max_share_(max_share), least_read_(std::min(num_videos, kLeastRead)) {}

void FailureLedger::Book(
    const std::vector<std::vector<std::string>>& failures_by_item) {
  for (const std::vector<std::string>& failures : failures_by_item) {
    for (const std::string& failure : failures) {
      failed_ += 1;
      read_ += 1;
      if (failed_ <= kLoggedOneByOne || failed_ % kLoggedEach == 0) {
        LOG(WARNING) << "clip left out, the next one taken: " << failure << " ("
                     << failed_ << " of " << read_ << " clips so far)";
      }
      if (failed_ > max_share_ * std::max(read_, least_read_)) {
        std::ostringstream message;
        message << failed_ << " of " << read_
                << " clips can't be read, more than max_failed_share "
                << max_share_ << "; the last: " << failure
                << "; repair the data (two-stream check names the videos) or "
                   "raise max_failed_share of video_data_param";
        throw UserError(message.str());
      }
    }
    read_ += 1;  // the clip that was delivered
  }
}

}  // namespace two_stream
