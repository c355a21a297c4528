// Chooses among the validated circles: no two of the same thing, no rim used twice.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <span>
#include <vector>

#include "vision/gradient_field.hpp"
#include "vision/rim.hpp"

namespace freshframe::vision {

/// The validated circles of one picture on their way to the result. One thread at a time.
class Selection {
 public:
  void start() { found_.clear(); }
  /// `circle.score` is its probability, `coverage` how much of its rim is there.
  void add(const Circle& circle, float coverage);
  /// Greedy, from the best one on. An accepted circle takes the edges of its rim out of `field`; one whose
  /// rim was mostly taken by others is refused. Best score first.
  [[nodiscard]] std::vector<Circle> choose(GradientField& field, Rim& rim,
                                           const CircleDetectorOptions& options);

 private:
  struct Found {
    Circle circle;
    float coverage = 0;
    float rank = 0;
  };
  [[nodiscard]] bool is_repeat(const Circle& circle) const;
  static void take_rim(GradientField& field, const Circle& circle, const Rim& rim);

  std::vector<Found> found_;
  std::vector<Circle> chosen_;
};

}  // namespace freshframe::vision
