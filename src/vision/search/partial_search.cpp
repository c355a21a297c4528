// Chooses the part of an image to search.
// SPDX-License-Identifier: Apache-2.0
//
// Searching only the predicted places would miss new circles, and circles that did not move as predicted. So
// every place that has changed since its last search is searched again. The place of a moving circle that was
// missed also changes, so the circle gets another chance in every image, as in a full search.
#include "vision/search/partial_search.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <sstream>

namespace freshframe::vision {
namespace {

// A track's rim is searched this far inwards and outwards, in pixels: for the refinement, and for the
// uncertainty of the prediction. A circle that moved further is found as a change.
constexpr double kSlack = 3, kSlackOfSpread = 2, kMaxSlack = 16;
constexpr double kDoubtfulSlack = 4;  // for a circle without a track
constexpr int kGrow = 1;  // cells around changed ones, because an edge may run along the border of a cell
constexpr double kMaxShare = 0.6;  // with more, searching the whole image is as cheap

}  // namespace

PartialSearch::PartialSearch(double full_every) : full_every_(full_every) {
  if (full_every >= 0 && std::isfinite(full_every)) return;
  std::ostringstream message;
  message << "full_every must be at least 0 seconds (0 searches every frame as a whole), got " << full_every;
  throw OptionError(message.str());
}

std::vector<Circle> PartialSearch::find(CircleSearch& search, const Plane& luma, const CircleTracks& tracks) {
  check_picture(luma);
  const double pts = tracks.now();
  expect(tracks);
  const bool full = full_every_ == 0 || measure_change(luma, pts) || !choose_cells(luma, tracks);
  last_pts_ = pts;
  auto found = search.find(luma, {.cells = full ? nullptr : &cells_, .expected = expected_});
  if (full) {
    last_full_ = pts;
    share_ = 1;
    if (full_every_ > 0) grid_.searched_all();
  } else {
    grid_.note_search(cells_);
  }
  doubtful_.clear();
  std::copy_if(found.begin(), found.end(), std::back_inserter(doubtful_),
               [&](const Circle& circle) { return !tracks.starts_track(circle); });
  return found;
}

bool PartialSearch::measure_change(const Plane& luma, double pts) {
  const bool comparable = grid_.measure(luma);
  return !comparable || pts < last_pts_ || pts - last_full_ >= full_every_;
}

void PartialSearch::expect(const CircleTracks& tracks) {
  expected_.clear();
  for (const auto& track : tracks.tracks()) {
    const auto& place = track.state.place.prediction();
    expected_.push_back({static_cast<float>(place.x()), static_cast<float>(place.y()),
                         static_cast<float>(track.state.radius), 0});
  }
}

// Returns false if the whole image should be searched.
bool PartialSearch::choose_cells(const Plane& luma, const CircleTracks& tracks) {
  cells_.start(luma.row_bytes, luma.rows);
  if (!grid_.mark_changes(cells_)) return false;
  cells_.grow(kGrow);
  for (const auto& track : tracks.tracks()) {
    const auto& place = track.state.place.prediction();
    const double radius = track.state.radius;
    const double slack = std::min(kMaxSlack, kSlack + kSlackOfSpread * CircleMotion::spread(track.state));
    cells_.mark_ring(place.x(), place.y(), radius - slack, radius + slack);
  }
  for (const Circle& circle : doubtful_) {
    const double radius{circle.r};
    cells_.mark_ring(double{circle.x}, double{circle.y}, radius - kDoubtfulSlack, radius + kDoubtfulSlack);
  }
  share_ = static_cast<double>(cells_.count()) / static_cast<double>(cells_.size());
  return share_ <= kMaxShare;
}

}  // namespace freshframe::vision
