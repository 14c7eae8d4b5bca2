#ifndef TWO_STREAM_DATA_FAILURE_LEDGER_HPP_
#define TWO_STREAM_DATA_FAILURE_LEDGER_HPP_

#include <cstdint>
#include <string>
#include <vector>

namespace two_stream {

// Counts the clips that could not be read, and says when there are too many.
class FailureLedger {
 public:
  // Stops when more than `max_share` of the clips read so far failed. The first
  // few decide nothing: the share is of at least min(num_videos, 200) clips.
  FailureLedger(double max_share, uint64_t num_videos);

  // Books a batch in the order of its items; logs each failure with its path
  // (the first 100, then each tenth hundred). Throws UserError.
  void Book(const std::vector<std::vector<std::string>>& failures_by_item);

  uint64_t failed() const { return failed_; }
  uint64_t read() const { return read_; }

 private:
  const double max_share_;
  const uint64_t least_read_;
  uint64_t failed_ = 0;
  uint64_t read_ = 0;
};

}  // namespace two_stream

#endif  // TWO_STREAM_DATA_FAILURE_LEDGER_HPP_
