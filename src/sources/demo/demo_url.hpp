// The options in a "demo:circles?..." or "demo:shapes?..." URL.
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
  int balls = 4;  // 0..100; or shapes
  std::uint64_t seed = 1;
  bool shapes = false;                      // every second and third ball is a square and a triangle
  bool paced = true;                        // false means lossless, as fast as it is read
  std::optional<std::int64_t> frames = {};  // default: without end
};

/// Throws OptionError, which lists the options.
[[nodiscard]] DemoOptions parse_demo_url(const std::string& url);

}  // namespace freshframe::media
