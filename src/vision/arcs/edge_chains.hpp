// Edge pixels linked into chains along which the gradient turns smoothly.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "vision/picture/gradient_field.hpp"

namespace freshframe::vision {

/// Finds the chains of one image. Along a chain the brighter side is always on the same hand, so a chain
/// never crosses a contrast reversal. Time and memory are linear in the number of edge pixels.
class EdgeChains {
 public:
  /// A chain with fewer points does not determine a curvature.
  static constexpr int kMinPoints = 8;

  /// Marks linked pixels with kLinked.
  void trace(GradientField& field);

  [[nodiscard]] int size() const noexcept { return static_cast<int>(chains_.size()); }
  [[nodiscard]] std::span<const EdgePoint> operator[](int chain) const noexcept {
    const auto [begin, end] = chains_[static_cast<std::size_t>(chain)];
    return std::span(points_).subspan(begin, end - begin);
  }

 private:
  void trace_from(GradientField& field, int seed);

  std::vector<EdgePoint> points_;
  std::vector<std::pair<std::size_t, std::size_t>> chains_;
  std::vector<int> backward_;  // scratch: the half of a chain before its seed
};

}  // namespace freshframe::vision
