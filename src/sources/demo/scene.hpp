// The geometry of the built-in scene: bouncing balls whose position at any time is a closed formula.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "sources/demo/demo_url.hpp"

namespace freshframe::media {

/// A ball at one moment, in pixels; the centre of the top left pixel is (0, 0).
struct DemoBall {
  double x = 0;
  double y = 0;
  double r = 0;
  double ground = 0;  // y of the spot on the floor below it
  double lift = 0;    // height above the floor, 0..1 of the highest possible one
  int id = 0;
  int corners = 0;   // corners of a regular polygon within the circle; 0 for a ball
  double angle = 0;  // angle of its first corner, clockwise from the right, in radians
};

/// One shape of the scene of shapes.
struct DemoShape {
  int id = 0;
  std::string class_name = {};  // "ball", "square" or "triangle"
  double x1 = 0;                // pixels, edges; the picture's top left corner is (0, 0)
  double y1 = 0;
  double x2 = 0;
  double y2 = 0;
  double visible = 1;  // share of the enclosing circle's rim inside the picture and not covered
};

/// The truth of frame `seq` of a "demo:shapes?..." URL. Throws OptionError for any other URL.
[[nodiscard]] std::vector<DemoShape> demo_shapes(const std::string& url, std::int64_t seq);

/// Immutable after construction, so thread-safe.
class DemoScene {
 public:
  explicit DemoScene(const DemoOptions& options);

  /// The balls of frame `seq`, farthest first: each hides those before it.
  [[nodiscard]] std::vector<DemoBall> balls(std::int64_t seq) const;
  [[nodiscard]] std::vector<DemoCircle> truth(std::int64_t seq) const;
  /// Returns the shapes as boxes.
  [[nodiscard]] std::vector<DemoShape> shapes(std::int64_t seq) const;
  /// The row at which the floor meets the wall.
  [[nodiscard]] double horizon() const noexcept { return horizon_; }

 private:
  /// Sideways a ball moves back and forth between `left` and `right`. Vertically it falls and bounces.
  struct Path {
    double r = 0;
    double left = 0;
    double right = 0;
    double crossings = 0;  // trips from left to right, per second
    double start = 0;      // in crossings
    double rest = 0;       // y of the centre when it is on the floor
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
