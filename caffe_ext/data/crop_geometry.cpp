#include "caffe_ext/data/crop_geometry.hpp"

#include <algorithm>
#include <cstdlib>

namespace two_stream {
namespace {

constexpr int kSnapDistance = 2;

int CropSide(int base, float ratio, int crop_size) {
  const int side = std::max(1, static_cast<int>(base * ratio));
  return std::abs(side - crop_size) <= kSnapDistance ? crop_size : side;
}

}  // namespace

std::vector<cv::Size> MultiScaleSizes(const cv::Size& frame, int crop_size,
                                      const std::vector<float>& ratios,
                                      int max_distort) {
  const int base = std::min(frame.height, frame.width);
  const int num_ratios = static_cast<int>(ratios.size());
  std::vector<cv::Size> sizes;
  for (int h = 0; h < num_ratios; ++h) {
    for (int w = 0; w < num_ratios; ++w) {
      if (std::abs(h - w) <= max_distort) {
        sizes.emplace_back(CropSide(base, ratios[w], crop_size),
                           CropSide(base, ratios[h], crop_size));
      }
    }
  }
  return sizes;
}

std::vector<cv::Point> FixedCropCorners(const cv::Size& frame,
                                        const cv::Size& crop, bool more) {
  const int x = (frame.width - crop.width) / 4;
  const int y = (frame.height - crop.height) / 4;
  std::vector<cv::Point> corners = {
      {0, 0}, {4 * x, 0}, {0, 4 * y}, {4 * x, 4 * y}, {2 * x, 2 * y}};
  if (more) {
    corners.insert(corners.end(), {{2 * x, 0},
                                   {2 * x, 4 * y},
                                   {0, 2 * y},
                                   {4 * x, 2 * y},
                                   {x, y},
                                   {3 * x, y},
                                   {x, 3 * y},
                                   {3 * x, 3 * y}});
  }
  return corners;
}

cv::Rect CentreCrop(const cv::Size& frame, const cv::Size& crop) {
  return {cv::Point((frame.width - crop.width) / 2,
                    (frame.height - crop.height) / 2),
          crop};
}

}  // namespace two_stream
