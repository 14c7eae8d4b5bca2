#ifndef TWO_STREAM_MEMORY_LENT_HPP_
#define TWO_STREAM_MEMORY_LENT_HPP_

#include <cstddef>

#include "caffe_ext/memory/arena.hpp"

namespace two_stream {

// A layer that needs memory only while it runs, and takes it from its net.
// Without a loan it allocates its own, as Caffe's layers do. CPU only.
class ScratchBorrower {
 public:
  virtual ~ScratchBorrower() = default;
  // Bytes that a forward or backward call needs, for the shapes of the last
  // Reshape.
  virtual size_t ScratchBytes() const = 0;
  // Used until another is lent; null takes the loan back.
  virtual void LendScratch(const SyncedMemoryPtr& scratch) = 0;
};

// A layer that handles image after image, each read whole before the matching
// output is written: in forward bottom 0, in backward top 0's diff and bottom
// 0's data. So the output may overlay the input, see OverlayLead(). CPU only.
class ImageByImage {
 public:
  virtual ~ImageByImage() = default;
  struct Images {
    int count = 0;
    size_t bottom_bytes = 0;  // of one image
    size_t top_bytes = 0;
  };
  // count 0: not with these settings.
  virtual Images ImagesOfCall() const = 0;
};

// A layer whose backward needs only one bit an input, its sign, and keeps that
// itself once it has been lent memory for it; then it doesn't read its bottom's
// data in backward. CPU only.
class SignKeeper {
 public:
  virtual ~SignKeeper() = default;
  virtual size_t SignBytes() const = 0;
  // Null: backward reads the bottom again.
  virtual void LendSigns(const SyncedMemoryPtr& signs) = 0;
};

}  // namespace two_stream

#endif  // TWO_STREAM_MEMORY_LENT_HPP_
