// Searches for circles at the predicted places and where the image has changed, and everywhere at intervals.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <vector>

#include "vision/picture/cell_mask.hpp"
#include "vision/picture/change_grid.hpp"
#include "vision/search/circle_search.hpp"
#include "vision/tracking/circle_motion.hpp"

namespace freshframe::vision {

/// The state of one source, which allows most images to be searched only in part. Not thread-safe; reuses its
/// memory.
class PartialSearch {
 public:
  /// `full_every`: seconds between searches of the whole image; 0 means every image.
  explicit PartialSearch(double full_every);

  /// `tracks` must have been advanced to the image's time.
  [[nodiscard]] std::vector<Circle> find(CircleSearch& search, const Plane& luma, const CircleTracks& tracks);

  /// The share of the last image that was searched, 0 to 1.
  [[nodiscard]] double searched_share() const noexcept { return share_; }

 private:
  /// Returns true if the whole image is due for a search.
  [[nodiscard]] bool measure_change(const Plane& luma, double pts);
  [[nodiscard]] bool choose_cells(const Plane& luma, const CircleTracks& tracks);
  void expect(const CircleTracks& tracks);

  double full_every_;
  double last_full_ = 0;
  double last_pts_ = 0;
  double share_ = 1;
  ChangeGrid grid_;
  CellMask cells_;
  std::vector<Circle> expected_;
  std::vector<Circle> doubtful_;  // circles of the last image that are not confident enough to start a track
};

}  // namespace freshframe::vision
