// Runs the stages of CircleFinder in their order.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <span>
#include <vector>

#include "vision/picture/cell_mask.hpp"
#include "vision/search/search_pass.hpp"
#include "vision/search/selection.hpp"

namespace freshframe::vision {

/// Which cells to search for circles, and which circles to expect.
struct SearchPlan {
  const CellMask* cells = nullptr;   // the only part of the image to search; null for all of it
  std::span<const Circle> expected;  // circles to try even without an arc; their scores are not used

  /// Returns true if enough of a candidate's rim is inside the cells. Candidates elsewhere were found by
  /// chance.
  [[nodiscard]] bool covers(const Circle& candidate, int width, int height) const noexcept;
};

/// Throws Error for an image without pixels or with too many.
void check_picture(const Plane& luma);
/// Converts coordinates in a region to coordinates in the whole image.
void move_to_picture(std::span<Circle> circles, const Region& roi);

/// Gradient field, edge chains, arcs, candidates, refinement, learned validation, selection. All but the last
/// run at full size and again at half size, where the edges of blurred circles are steep and faint ones
/// exceed the noise. The cost is linear in the number of pixels up to the arcs, and bounded from there on for
/// any image. Not thread-safe. Allocates only for a larger or busier image than before.
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
  std::vector<SearchPass*> passes_;  // those of the two passes for which the image is large enough
  Selection selection_;
  std::vector<Circle> settled_;  // expected circles that are certain
};

}  // namespace freshframe::vision
