#ifndef TWO_STREAM_DATA_CROP_GEOMETRY_HPP_
#define TWO_STREAM_DATA_CROP_GEOMETRY_HPP_

#include <opencv2/core.hpp>
#include <vector>

namespace two_stream {

// Multi-scale cropping (section 3 of the paper): the crops to draw from. Height
// and width are each int(min(H, W) x ratio), where one within 2 pixels of
// `crop_size` becomes it, for every pair of ratios whose indices differ by at
// most `max_distort`. Sizes that come out equal are listed as often as they do,
// so that a uniform draw weighs the ratios alike.
std::vector<cv::Size> MultiScaleSizes(const cv::Size& frame, int crop_size,
                                      const std::vector<float>& ratios,
                                      int max_distort);

// Corner cropping (section 3): where the upper left corner of a crop can lie,
// on a grid of quarters of the free space, (side - crop) / 4 rounded down: the
// four corners and the centre; with `more`, also the middles of the four edges
// and the centres of the four quadrants.
std::vector<cv::Point> FixedCropCorners(const cv::Size& frame,
                                        const cv::Size& crop, bool more);

// The middle of the free space, rounded up and to the left.
cv::Rect CentreCrop(const cv::Size& frame, const cv::Size& crop);

}  // namespace two_stream

#endif  // TWO_STREAM_DATA_CROP_GEOMETRY_HPP_
