// The wall and the floor of the built-in scene.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <array>
#include <cstdint>
#include <stop_token>
#include <vector>

namespace freshframe::media {

/// A colour in R'G'B', each 0..1.
struct DemoColor {
  float r = 0;
  float g = 0;
  float b = 0;
};

/// A colour as limited-range BT.709: luma above black (0..219), chroma from neutral (-112..112).
struct DemoYuv {
  float y = 0;
  float cb = 0;
  float cr = 0;
};
[[nodiscard]] DemoYuv to_yuv(const DemoColor& color);

/// The planes of an I420 picture without padding. Everywhere darker than any ball. A stop leaves it
/// unfinished.
[[nodiscard]] std::array<std::vector<std::uint8_t>, 3> paint_backdrop(const PictureFormat& format,
                                                                      double horizon, std::uint64_t seed,
                                                                      const std::stop_token& stop);

}  // namespace freshframe::media
