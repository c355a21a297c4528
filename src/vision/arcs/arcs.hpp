// Circular arcs: the pieces of edge chains to which a circle fits.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "vision/arcs/edge_chains.hpp"
#include "vision/arcs/fit.hpp"
#include "vision/picture/gradient_field.hpp"

namespace freshframe::vision {

/// The range of radii in pixels.
struct RadiusRange {
  float min = 0;
  float max = 0;
};

struct Arc {
  float x = 0;  // fitted circle
  float y = 0;
  float r = 0;
  float span = 0;      // angle covered, radians
  float middle_x = 0;  // the point half way along the arc
  float middle_y = 0;
  float normal_x = 0;  // from there towards the centre, length 1
  float normal_y = 0;
  bool brighter_inside = false;
  float quality = 0;      // points, fewer for short spans: long clear arcs come first
  CircleMoments moments;  // about the picture's centre, so that arcs can be joined
};

/// The arcs of one picture, best quality first; at most kMaxArcs, which bounds the pairing that follows.
class ArcFinder {
 public:
  static constexpr int kMaxArcs = 600;

  void find(const EdgeChains& chains, const GradientField& field, RadiusRange radii);
  [[nodiscard]] std::span<const Arc> arcs() const noexcept { return arcs_; }

 private:
  void split(std::span<const EdgePoint> chain, const GradientField& field, RadiusRange radii);
  void keep(std::span<const EdgePoint> points, const GradientField& field, RadiusRange radii);

  std::vector<Arc> arcs_;
};

}  // namespace freshframe::vision
