// Matches tracks with detections ("finds") at the lowest total cost, in bounded time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "vision/tracking/assignment.hpp"

namespace freshframe::vision {

/// A sparse assignment: connected components, which share no track or detection, are solved separately, so
/// their costs add up. For each track only the kMaxPairs cheapest pairs are considered. Reuses its memory.
class Pairing {
 public:
  static constexpr std::size_t kMaxPairs = 16;

  /// Sorts the detections along one coordinate. Call once per image.
  template <class Place>
  void sort_places(std::size_t finds, const Place& place) {
    places_.resize(finds);
    for (std::size_t j = 0; j < finds; ++j) {
      const double at = place(j);
      places_[j] = {std::isnan(at) ? std::numeric_limits<double>::infinity() : at, j};
    }
    std::sort(places_.begin(), places_.end());
    order_.resize(finds);
    for (std::size_t k = 0; k < finds; ++k) order_[k] = places_[k].second;
  }
  /// Returns the detections whose place is in an interval.
  [[nodiscard]] std::span<const std::size_t> between(double low, double high) const;

  void start(std::size_t tracks, std::size_t finds);
  /// Call with ascending tracks. Costs must be less than 100 in magnitude.
  void allow(std::size_t track, std::size_t find, double cost);
  /// Returns pairs of (track, find). Valid until the next start().
  [[nodiscard]] std::span<const std::pair<std::size_t, std::size_t>> solve();

 private:
  struct Pair {
    std::size_t track = 0;
    std::size_t find = 0;
    double cost = 0;
    std::size_t knot = 0;
  };
  void thin_out();
  [[nodiscard]] std::size_t root(std::size_t node);
  void solve_knot(std::span<const Pair> pairs);

  std::vector<std::pair<double, std::size_t>> places_;
  std::vector<std::size_t> order_;
  std::size_t tracks_ = 0;
  std::vector<Pair> pairs_;
  std::size_t first_of_track_ = 0;    // the first pair of the current track
  std::vector<std::size_t> parents_;  // union-find over tracks, then finds
  std::vector<std::size_t> rows_;     // rows of the current component
  std::vector<std::size_t> columns_;
  std::vector<std::pair<std::size_t, std::size_t>> result_;
  Assignment assignment_;
};

}  // namespace freshframe::vision
