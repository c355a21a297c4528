// Circle candidates: single arcs and groups of arcs on one circle.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <span>
#include <vector>

#include "vision/arcs/arcs.hpp"

namespace freshframe::vision {

/// Finds the circle candidates of one image, best first. Their score is the part of the circle that arcs
/// cover. There are at most kMaxCandidates, to bound the time of the refinement.
class CandidateFinder {
 public:
  static constexpr int kMaxCandidates = 500;

  /// `width` and `height`: size of the image that the arcs were found in.
  void find(std::span<const Arc> arcs, int width, int height, RadiusRange radii);
  [[nodiscard]] std::span<const Circle> candidates() const noexcept { return kept_; }

  struct Middle {
    float x = 0;
    float y = 0;
  };

 private:
  void propose(const Circle& circle);
  void propose_group(std::span<const Arc> arcs, std::size_t first);
  void keep_distinct();

  RadiusRange radii_;
  float width_ = 0;
  float height_ = 0;
  // middles of the arcs, contiguous in memory, because each is tested against all arcs
  std::vector<Middle> middles_;
  std::vector<Circle> proposed_;
  std::vector<Circle> kept_;
};

}  // namespace freshframe::vision
