// The options in a "demo:circles?..." URL.
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
  int balls = 4;  // 0..100
  std::uint64_t seed = 1;
  bool paced = true;                        // false: lossless, as fast as it is read
  std::optional<std::int64_t> frames = {};  // default: without end
};

/// Throws OptionError, which lists what is accepted.
[[nodiscard]] DemoOptions parse_demo_url(const std::string& url);

}  // namespace freshframe::media
