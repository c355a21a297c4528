// Options of "demo:circles?..." and "demo:shapes?..." URLs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace freshframe::media {

struct DemoOptions {
  double fps = 60;  // (0, 1000]
  int width = 1280;
  int height = 720;
  int balls = 4;  // 0..100 balls or shapes
  std::uint64_t seed = 1;
  bool shapes = false;                      // every second shape is a square, every third a triangle
  bool paced = true;                        // if false, emits frames as fast as they are read, without loss
  std::optional<std::int64_t> frames = {};  // default: endless
};

/// Throws OptionError that lists the options.
[[nodiscard]] DemoOptions parse_demo_url(const std::string& url);

}  // namespace freshframe::media
