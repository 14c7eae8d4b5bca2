#ifndef TWO_STREAM_DATA_IMAGE_DECODER_HPP_
#define TWO_STREAM_DATA_IMAGE_DECODER_HPP_

#include <cstdint>
#include <opencv2/core.hpp>
#include <vector>

namespace two_stream {

// Decodes a JPEG (or anything else that OpenCV reads) to 8-bit BGR, or to one
// grey channel. A JPEG cut short is an error, though decoders fill its missing
// rows with whatever. Throws std::runtime_error that says what is wrong with
// the bytes.
cv::Mat DecodeImage(const std::vector<uint8_t>& bytes, bool color);

}  // namespace two_stream

#endif  // TWO_STREAM_DATA_IMAGE_DECODER_HPP_
