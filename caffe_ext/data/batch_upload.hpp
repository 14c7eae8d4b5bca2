#ifndef TWO_STREAM_DATA_BATCH_UPLOAD_HPP_
#define TWO_STREAM_DATA_BATCH_UPLOAD_HPP_

#include <cstddef>
#include <memory>

namespace two_stream {

// Brings batches to a GPU beside its other work: the next one while the net
// works on this one. Holds one batch there.
class BatchUpload {
 public:
  virtual ~BatchUpload() = default;  // waits for the one under way

  // Starts to read a batch from host memory, which must stay as it is until
  // Finish(); page-locked memory is read without the CPU.
  virtual void Begin(const void* batch, size_t bytes) = 0;
  // Whether a batch has begun and not been finished.
  virtual bool begun() const = 0;
  // Puts it to device memory, for what Caffe does there from now on.
  virtual void Finish(void* to) = 0;
};

// To the calling thread's current device; null in a build without CUDA.
using MakeBatchUpload = std::unique_ptr<BatchUpload> (*)();
MakeBatchUpload& BatchUploadToDevice();

}  // namespace two_stream

#endif  // TWO_STREAM_DATA_BATCH_UPLOAD_HPP_
