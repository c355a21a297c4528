// The stages of CircleFinder in their order.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <span>
#include <vector>

#include "vision/picture/cell_mask.hpp"
#include "vision/search/search_pass.hpp"
#include "vision/search/selection.hpp"

namespace freshframe::vision {

/// The cells that a search for circles looks at, and the circles that it expects.
struct SearchPlan {
  const CellMask* cells = nullptr;   // the rest of the picture is skipped; nullptr: search everything
  std::span<const Circle> expected;  // circles to try even without an arc; their scores are not used

  /// Whether enough of a candidate's rim is in the cells. A candidate elsewhere is there by chance.
  [[nodiscard]] bool covers(const Circle& candidate, int width, int height) const noexcept;
};

/// Throws Error for a picture of no or of too many pixels.
void check_picture(const Plane& luma);
/// From the coordinates of a region to coordinates of the whole picture.
void move_to_picture(std::span<Circle> circles, const Region& roi);

/// Gradient field, edge chains, arcs, candidates, refinement, learned validation, choice. All but the last
/// run at full size and again at half size: there the edges of blurred circles are steep, and faint ones
/// exceed the noise. The cost is linear in the number of pixels up to the arcs, and bounded from there on for
/// any picture. One thread at a time; allocates only for a larger or busier picture than before.
class CircleSearch {
 public:
  /// Throws OptionError for invalid options.
  explicit CircleSearch(const CircleDetectorOptions& options);

  [[nodiscard]] std::vector<Circle> find(const Plane& luma) { return find(luma, {}); }

  /// Searches only the cells of `plan`, and tries its expected circles.
  [[nodiscard]] std::vector<Circle> find(const Plane& luma, const SearchPlan& plan);

 private:
  void judge(SearchPass& pass, const Plane& luma, const SearchPlan& plan);

  CircleDetectorOptions options_;
  RadiusRange radii_;  // radii of the options, extended by the measuring error
  SearchPass full_;
  SearchPass half_;
  std::vector<SearchPass*> passes_;  // of the two passes, those for which the picture is large enough
  Selection selection_;
  std::vector<Circle> settled_;  // expected circles that are certain
};

}  // namespace freshframe::vision
