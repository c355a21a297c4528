// The stages behind CircleFinder in their order; here also for training and benchmarks, which look inside.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "vision/arcs.hpp"
#include "vision/candidates.hpp"
#include "vision/circle_focus.hpp"
#include "vision/edge_chains.hpp"
#include "vision/gradient_field.hpp"
#include "vision/refinement.hpp"
#include "vision/rim.hpp"
#include "vision/rim_features.hpp"
#include "vision/selection.hpp"

namespace freshframe::vision {

/// Throws Error for a picture of no or of too many pixels.
void check_picture(const Plane& luma);

/// Gradient field, edge chains, arcs, candidates, refinement, learned validation, choice. Cost is linear in
/// the number of pixels up to the arcs and bounded from there on, whatever the picture shows. One thread at a
/// time; allocates only while it meets a bigger or busier picture than before.
class CircleSearch {
 public:
  /// Throws GraphError for options that make no sense.
  explicit CircleSearch(const CircleDetectorOptions& options);

  [[nodiscard]] std::vector<Circle> find(const Plane& luma) { return find(luma, {}); }

  /// Looks only where `focus` says, and tries what it expects.
  [[nodiscard]] std::vector<Circle> find(const Plane& luma, const CircleFocus& focus);

  /// Sees every refined candidate, its probability as the score, with its features, before the choice.
  using Observer = std::function<void(const Circle&, const Features&)>;
  void set_observer(Observer observer) { observer_ = std::move(observer); }

 private:
  void validate_candidates(const CircleFocus& focus);
  bool validate(Circle& circle, std::optional<float> arcs);

  CircleDetectorOptions options_;
  RadiusRange radii_;
  GradientField field_;
  EdgeChains chains_;
  ArcFinder arcs_;
  CandidateFinder candidates_;
  Refinement refinement_;
  Rim rim_;
  Selection selection_;
  std::vector<Circle> settled_;  // expected circles that are certainly there
  Observer observer_;
};

}  // namespace freshframe::vision
