// The truth of the moving scene.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace freshframe {

/// One circle of the demo scene's truth.
struct DemoCircle {
  int id = 0;
  double x = 0;  // pixels, the centre of the top left pixel is (0, 0)
  double y = 0;
  double r = 0;
  double visible = 1;  // share of the rim that is inside the picture and not covered, 0..1
};

/// The truth of frame `seq` of a "demo:circles?..." URL. Throws OptionError for any other URL.
[[nodiscard]] std::vector<DemoCircle> demo_circles(const std::string& url, std::int64_t seq);

}  // namespace freshframe
