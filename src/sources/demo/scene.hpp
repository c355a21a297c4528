// Geometry of the built-in scene: bouncing balls whose position at any time is a closed formula.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "sources/demo/demo_url.hpp"

namespace freshframe::media {

/// A ball at one moment, in pixels. The centre of the top left pixel is (0, 0).
struct DemoBall {
  double x = 0;
  double y = 0;
  double r = 0;
  double ground = 0;  // y of the point on the floor below the ball
  double lift = 0;    // height above the floor, as a share (0..1) of the highest possible one
  int id = 0;
  int corners = 0;   // number of corners of a regular polygon inside the circle; 0 for a ball
  double angle = 0;  // direction of the first corner, clockwise from the right, in radians
};

/// A shape in the scene of shapes.
struct DemoShape {
  int id = 0;
  std::string class_name = {};  // "ball", "square" or "triangle"
  double x1 = 0;                // edges in pixels; the image's top left corner is (0, 0)
  double y1 = 0;
  double x2 = 0;
  double y2 = 0;
  double visible = 1;  // share of the enclosing circle's outline that is inside the image and not hidden
};

/// Returns the ground truth of frame `seq` of a "demo:shapes?..." URL. Throws OptionError for any other URL.
[[nodiscard]] std::vector<DemoShape> demo_shapes(const std::string& url, std::int64_t seq);

/// Immutable after construction, hence thread-safe.
class DemoScene {
 public:
  explicit DemoScene(const DemoOptions& options);

  /// The balls of frame `seq`, farthest first, so that later ones hide earlier ones.
  [[nodiscard]] std::vector<DemoBall> balls(std::int64_t seq) const;
  [[nodiscard]] std::vector<DemoCircle> truth(std::int64_t seq) const;
  /// The shapes of frame `seq` as bounding boxes.
  [[nodiscard]] std::vector<DemoShape> shapes(std::int64_t seq) const;
  /// The row where the floor meets the wall.
  [[nodiscard]] double horizon() const noexcept { return horizon_; }

 private:
  /// A ball moves back and forth between `left` and `right`, while it falls and bounces.
  struct Path {
    double r = 0;
    double left = 0;
    double right = 0;
    double crossings = 0;  // per second, from left to right
    double start = 0;      // in crossings
    double rest = 0;       // y of the centre when the ball lies on the floor
    double height = 0;
    double bounces = 0;  // per second
    double phase = 0;    // in bounces
    int corners = 0;
    double angle = 0;
    double spin = 0;  // radians per second
  };

  double fps_;
  int width_;
  int height_;
  double horizon_;
  std::vector<Path> paths_;
};

}  // namespace freshframe::media
