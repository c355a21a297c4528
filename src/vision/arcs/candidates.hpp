// Circle candidates: single arcs and groups of arcs on one circle.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <span>
#include <vector>

#include "vision/arcs/arcs.hpp"

namespace freshframe::vision {

/// The candidates of one picture; `score` is the part of a circle that the arcs cover, best first. At most
/// kMaxCandidates, which bounds the refinement that follows.
class CandidateFinder {
 public:
  static constexpr int kMaxCandidates = 500;

  /// `width` and `height`: size of the picture that the arcs are from.
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
  std::vector<Middle> middles_;  // of the arcs, close together in memory: each is tested against all arcs
  std::vector<Circle> proposed_;
  std::vector<Circle> kept_;
};

}  // namespace freshframe::vision
