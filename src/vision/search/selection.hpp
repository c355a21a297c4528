// Chooses among the validated circles: no two of the same thing, no rim used twice.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <span>
#include <vector>

#include "vision/search/disc_rows.hpp"
#include "vision/search/search_pass.hpp"

namespace freshframe::vision {

/// The validated circles of one picture on their way to the result. One thread at a time.
class Selection {
 public:
  void start() { found_.clear(); }
  /// `circle.confidence` is its probability, `coverage` how much of its rim is there in the pass that found
  /// it. `flawless`: see is_flawless(); such a circle is worth adding whatever its probability, it may stand in
  /// a row.
  void add(const Circle& circle, float coverage, SearchPass& pass, bool flawless);
  /// Whether a circle much like this one has been found that is almost surely real.
  [[nodiscard]] bool knows(const Circle& circle) const;
  /// Greedy, from the best one on. An accepted circle takes the edges of its rim out of all passes; one whose
  /// rim was mostly taken by others is refused. Best score first.
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
