// Fuzzes the tracker of circles: any times and any circles, also such as no detector makes.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

#include "fuzz_input.hpp"

namespace {

using namespace freshframe;
using fuzz::Input;
using fuzz::require;

constexpr int kMostPictures = 64;
constexpr int kMostCircles = 40;

/// A circle as a detector makes it, or of any bits.
Circle circle_of(Input& input, bool any) {
  if (any) return {input.any<float>(), input.any<float>(), input.any<float>(), input.any<float>()};
  Circle circle;
  circle.x = static_cast<float>(input.below(5120)) / 4;
  circle.y = static_cast<float>(input.below(2880)) / 4;
  circle.r = 2 + static_cast<float>(input.byte()) / 4;
  circle.confidence = static_cast<float>(input.byte()) / 255;
  return circle;
}

double step_of(Input& input, bool any) {
  return any ? input.any<double>() : (input.byte() - 8) * (1 / 60.0);  // some steps go back
}

void check(const Circles& tracked, bool any) {
  require(tracked.tracked && tracked.ids.size() == tracked.circles.size());
  std::set<std::int64_t> ids;
  for (const auto id : tracked.ids) {
    require(id >= 1 && ids.insert(id).second);
    require(id == *ids.rbegin());  // ascending
  }
  if (any) return;
  for (const Circle& c : tracked.circles) {
    require(std::isfinite(c.x) && std::isfinite(c.y) && std::isfinite(c.r) && c.r > 0);
    require(c.confidence >= 0 && c.confidence <= 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const int kind = input.byte();
  const bool any = kind % 4 == 3;
  CircleTrackerOptions options;
  options.max_gap = 0.01 + input.byte() / 64.0;
  options.detector.max_circles = 1 + input.byte();
  CircleAssociator tracker(options);
  double pts = 0;
  for (int n = 0; n < kMostPictures && !input.empty(); ++n) {
    pts += step_of(input, any);
    std::vector<Circle> found(static_cast<std::size_t>(input.below(kMostCircles)));
    for (Circle& circle : found) circle = circle_of(input, any);
    try {
      check(tracker.update(pts, found), any);
    } catch (const Error&) {  // a refusal
    }
  }
  return 0;
}
