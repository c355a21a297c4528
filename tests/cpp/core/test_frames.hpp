// Small frames for tests: filled with a number, wrapped around borrowed memory, with counted conversions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

namespace freshframe::test {

/// 16 x 8 gray pixels, each `value`.
inline Frame gray_frame(int value) {
  FrameBuilder builder({.width = 16, .height = 8, .format = PixelFormat::Gray});
  for (int y = 0; y < 8; ++y) std::memset(builder.plane(0) + y * builder.stride(0), value, 16);
  return std::move(builder).publish();
}

/// Fills the destination of any conversion with kFill, and counts the conversions.
class CountingOps final : public PixelOps {
 public:
  static constexpr int kFill = 93;
  explicit CountingOps(std::chrono::microseconds takes = {}) : takes_(takes) {}
  [[nodiscard]] bool convert(const Picture& /*from*/, const MutablePicture& to) const override {
    ++calls;
    std::this_thread::sleep_for(takes_);
    for (int i = 0; i < to.format.plane_count(); ++i) {
      const Plane& plane = to.planes[static_cast<std::size_t>(i)];
      for (int y = 0; y < plane.rows; ++y) {
        std::memset(to.row(i, y), kFill, static_cast<std::size_t>(plane.row_bytes));
      }
    }
    return true;
  }
  mutable std::atomic<int> calls{0};

 private:
  const std::chrono::microseconds takes_;
};

inline Frame frame_with(const PixelOps& ops, PixelFormat format) {
  return FrameBuilder({.width = 64, .height = 48, .format = format}).publish(ops);
}

/// Memory that the test owns, lent to a frame; counts how often it was returned.
struct Lent {
  static constexpr int kWidth = 10;
  static constexpr int kHeight = 6;

  std::vector<std::uint8_t> pixels = std::vector<std::uint8_t>(3U * kWidth * kHeight);
  std::atomic<int> releases{0};

  Lent() { std::iota(pixels.begin(), pixels.end(), std::uint8_t{3}); }

  Frame wrap(PixelFormat format = PixelFormat::Gray) { return wrap_claiming(pixels.size(), format); }
  /// Reports a size of `bytes`.
  Frame wrap_claiming(std::size_t bytes, PixelFormat format = PixelFormat::Gray) {
    Picture picture{.format = {.width = kWidth, .height = kHeight, .format = format}};
    const std::uint8_t* data = pixels.data();
    for (int i = 0; i < picture.format.plane_count(); ++i) {
      Plane& plane = picture.planes[static_cast<std::size_t>(i)];
      plane = picture.format.plane_shape(i);
      plane.data = data;
      plane.stride = plane.row_bytes;
      data += static_cast<std::ptrdiff_t>(plane.rows) * plane.row_bytes;
    }
    return Frame::wrap(picture, bytes, [this] { ++releases; }, basic_pixel_ops());
  }
};

}  // namespace freshframe::test
