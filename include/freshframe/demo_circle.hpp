// The ground truth of the demo scene.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace freshframe {

/// A circle in the ground truth of the demo scene.
struct DemoCircle {
  int id = 0;
  double x = 0;  // pixels; (0, 0) is the centre of the top left pixel
  double y = 0;
  double r = 0;
  double visible = 1;  // visible fraction of the circumference: inside the image and not covered, 0 to 1
};

/// Returns the ground truth of frame `seq` of a "demo:circles?..." URL. Throws OptionError for any other URL.
[[nodiscard]] std::vector<DemoCircle> demo_circles(const std::string& url, std::int64_t seq);

}  // namespace freshframe
