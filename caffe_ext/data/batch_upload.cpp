#include "caffe_ext/data/batch_upload.hpp"

namespace two_stream {

MakeBatchUpload& BatchUploadToDevice() {
  static MakeBatchUpload make = nullptr;
  return make;
}

}  // namespace two_stream
