// Gray and YUV to packed RGB by libyuv, with the picture's own matrix and range.
//
// Chroma is not interpolated (each chroma sample colours its own 2x2 or 2x1 pixels), as in cv2 and FFmpeg's
// fast path. libyuv names formats by the order in a register: its RGB24 is B, G, R in memory.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "media/pixel_conversions.hpp"
#include <libyuv.h>

namespace freshframe {
namespace {

struct Matrices {
  const libyuv::YuvConstants* yuv;  // gives B, G, R
  const libyuv::YuvConstants* yvu;  // with the chroma planes exchanged: gives R, G, B
};

Matrices matrices(const PictureFormat& format) {
  const bool full = format.range == ColorRange::Full;
  switch (matrix_of(format)) {
    case ColorSpace::Bt709:
      if (full) return {&libyuv::kYuvF709Constants, &libyuv::kYvuF709Constants};
      return {&libyuv::kYuvH709Constants, &libyuv::kYvuH709Constants};
    case ColorSpace::Bt2020:
      if (full) return {&libyuv::kYuvV2020Constants, &libyuv::kYvuV2020Constants};
      return {&libyuv::kYuv2020Constants, &libyuv::kYvu2020Constants};
    default:
      if (full) return {&libyuv::kYuvJPEGConstants, &libyuv::kYvuJPEGConstants};
      return {&libyuv::kYuvI601Constants, &libyuv::kYvuI601Constants};
  }
}

/// A plane as libyuv takes it.
struct Rows {
  explicit Rows(const Plane& plane) : data(plane.data), stride(static_cast<int>(plane.stride)) {}
  const std::uint8_t* data;
  int stride;
};

bool gray_to_rgb(const Picture& from, const Picture& to) {
  std::array<std::uint8_t, 256> level{};
  const bool full = from.format.range == ColorRange::Full;
  for (std::size_t i = 0; i < level.size(); ++i) {
    const double value = full ? static_cast<double>(i) : (static_cast<double>(i) - 16.0) * 255.0 / 219.0;
    level[i] = static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0, 255.0)));
  }
  const int width = from.format.width;
  std::vector<std::uint8_t> row(static_cast<std::size_t>(width));
  for (int y = 0; y < from.format.height; ++y) {
    const auto* gray = plane_of(from, 0).row(y);
    std::transform(gray, gray + width, row.begin(), [&level](std::uint8_t value) { return level[value]; });
    libyuv::MergeRGBPlane(row.data(), 0, row.data(), 0, row.data(), 0, writable(to, 0, y), 0, width, 1);
  }
  return true;
}

bool nv12_to_rgb(const Picture& from, const Picture& to) {
  const Rows luma(plane_of(from, 0));
  const Rows chroma(plane_of(from, 1));
  const auto [yuv, yvu] = matrices(from.format);
  const auto stride = static_cast<int>(plane_of(to, 0).stride);
  const bool bgr = to.format.format == PixelFormat::Bgr;
  const auto convert = bgr ? libyuv::NV12ToRGB24Matrix : libyuv::NV21ToRGB24Matrix;
  return convert(luma.data, luma.stride, chroma.data, chroma.stride, writable(to, 0), stride, bgr ? yuv : yvu,
                 to.format.width, to.format.height) == 0;
}

bool planar_to_rgb(const Picture& from, const Picture& to) {
  auto convert = libyuv::I420ToRGB24Matrix;
  if (from.format.format == PixelFormat::I422) convert = libyuv::I422ToRGB24Matrix;
  if (from.format.format == PixelFormat::I444) convert = libyuv::I444ToRGB24Matrix;
  const bool bgr = to.format.format == PixelFormat::Bgr;
  const Rows luma(plane_of(from, 0));
  const Rows first(plane_of(from, bgr ? 1 : 2));
  const Rows second(plane_of(from, bgr ? 2 : 1));
  const auto [yuv, yvu] = matrices(from.format);
  const auto stride = static_cast<int>(plane_of(to, 0).stride);
  return convert(luma.data, luma.stride, first.data, first.stride, second.data, second.stride,
                 writable(to, 0), stride, bgr ? yuv : yvu, to.format.width, to.format.height) == 0;
}

}  // namespace

bool yuv_to_rgb(const Picture& from, const Picture& to) {
  if (from.format.format == PixelFormat::Gray) return gray_to_rgb(from, to);
  if (from.format.format == PixelFormat::Nv12) return nv12_to_rgb(from, to);
  return planar_to_rgb(from, to);
}

}  // namespace freshframe
