#ifndef TWO_STREAM_COMMON_DATA_CURSOR_HPP_
#define TWO_STREAM_COMMON_DATA_CURSOR_HPP_

#include <cstdint>

namespace two_stream {

// A layer that reads data in an order that is a function of one number. Found
// by dynamic_cast over net->layers(); a snapshot saves the number and a resumed
// run sets it, and then reads on as if it had never stopped.
class DataCursor {
 public:
  virtual ~DataCursor() = default;

  // Index of the global sample with which the next global batch begins: the
  // same number on every rank. Forward() adds batch size x world.
  virtual uint64_t data_cursor() const = 0;

  // The next Forward() begins there. Batches already read ahead are dropped.
  virtual void set_data_cursor(uint64_t global_sample) = 0;
};

}  // namespace two_stream

#endif  // TWO_STREAM_COMMON_DATA_CURSOR_HPP_
