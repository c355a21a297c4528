// Chooses among the validated circles, so that no object is found twice and no rim is used twice.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <cstddef>
#include <span>
#include <vector>

#include "vision/search/search_pass.hpp"

namespace freshframe::vision {

/// Rows and grids of at least three equal discs with small gaps, as on calibration boards. The surroundings
/// of such a disc look like texture, although they are equal discs. Not thread-safe.
class DiscRows {
 public:
  /// Finds the rows among `circles`. They may contain a disc more than once, in nearly the same place.
  void find(std::span<const Circle> circles);
  /// Returns true if `circles[circle]` is in a row.
  [[nodiscard]] bool holds(std::size_t circle) const noexcept { return in_row_[circle]; }

 private:
  std::vector<bool> in_row_;
};

/// Returns the intersection over union of two discs: exact, 0 to 1. Both radii must be positive.
[[nodiscard]] float overlap(const Circle& a, const Circle& b) noexcept;

/// Collects the validated circles of one image and chooses those of the result. Not thread-safe.
class Selection {
 public:
  void start() { found_.clear(); }
  /// `circle.confidence` is its probability, and `coverage` the visible share of its rim in the pass that
  /// found it. `flawless`: see is_flawless(). A flawless circle is added even at a low probability, because
  /// it may be in a row.
  void add(const Circle& circle, float coverage, SearchPass& pass, bool flawless);
  /// Returns true if a similar circle has been found that is almost certainly real.
  [[nodiscard]] bool knows(const Circle& circle) const;
  /// Chooses circles one by one, in descending order of rank (confidence, with a preference for large ones).
  /// A chosen circle removes the edges of its rim from all passes. A circle is rejected if chosen ones have
  /// removed more than a quarter of its rim. Returns at most options.max_circles, in descending order of
  /// confidence.
  [[nodiscard]] std::vector<Circle> choose(std::span<SearchPass* const> passes,
                                           const CircleDetectorOptions& options);

 private:
  struct Found {
    Circle circle;
    float coverage = 0;
    float rank = 0;
    SearchPass* pass = nullptr;
    bool flawless = false;
  };
  void trust_rows();
  [[nodiscard]] bool is_repeat(const Circle& circle, bool concentric) const;

  std::vector<Found> found_;
  std::vector<Circle> chosen_;
  std::vector<Circle> flawless_;
  DiscRows rows_;
};

}  // namespace freshframe::vision
