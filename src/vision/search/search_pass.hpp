// One pass over an image, at full or half size: finds edges, arcs and candidates, and refines and judges each
// candidate.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "vision/arcs/arcs.hpp"
#include "vision/arcs/candidates.hpp"
#include "vision/arcs/edge_chains.hpp"
#include "vision/picture/cell_mask.hpp"
#include "vision/picture/gradient_field.hpp"
#include "vision/rim/features.hpp"
#include "vision/rim/refinement.hpp"
#include "vision/rim/rim.hpp"

namespace freshframe::vision {

/// Arguments and results are circles in pixels of the full-size image, whatever the size of the pass. Not
/// thread-safe. Allocates only for a larger or busier image than before.
class SearchPass {
 public:
  enum class Size { Full, Half };

  SearchPass(RadiusRange radii, Size size);

  /// Returns true if the pass can find circles: at half size there is no room for small circles and images.
  [[nodiscard]] bool fits(const Plane& luma) const noexcept;

  /// Finds the candidates. `luma` and `cells` are at full size. If `cells` is given, edges outside of them
  /// are skipped.
  void look(const Plane& luma, const CellMask* cells = nullptr);

  /// Called for each candidate before it is processed. Returns false to skip it.
  using Wanted = std::function<bool(const Circle&)>;
  /// Called with each refined circle; its score is the probability that it is real.
  using Visitor = std::function<void(const Circle&, const Features&, float coverage)>;
  /// Refines and judges circles even without arcs.
  void judge_expected(std::span<const Circle> expected, const Wanted& wanted, const Visitor& visit);
  /// Refines and judges the candidates, best first.
  void judge_candidates(const Wanted& wanted, const Visitor& visit);

  /// Moves a circle that judge() has returned exactly onto its edge, see polished().
  [[nodiscard]] Circle polish(const Circle& circle) const noexcept;

  /// Returns the visible share of the circle's rim, see rim_coverage().
  [[nodiscard]] float coverage(const Circle& circle);
  /// Removes the edges of the circle's rim from the field, so that no other circle uses them.
  void take_rim(const Circle& circle);

 private:
  void judge(Circle circle, std::optional<float> arcs, const Visitor& visit);
  [[nodiscard]] Circle to_pass(const Circle& circle) const noexcept;
  [[nodiscard]] Circle to_picture(const Circle& circle) const noexcept;

  Size size_;
  RadiusRange radii_;  // in pixels of this pass
  std::vector<std::uint8_t> halved_;
  GradientField field_;
  EdgeChains chains_;
  ArcFinder arcs_;
  CandidateFinder candidates_;
  Refinement refinement_;
  Rim rim_;
};

}  // namespace freshframe::vision
