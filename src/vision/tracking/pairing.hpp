// Pairs tracks with finds at the least total cost, in a bounded time.
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

/// A sparse assignment: pairs without a common track or find are solved separately, so the cost is the sum
/// over the connected components. Of each track only the kMaxPairs cheapest pairs are considered. Keeps its
/// memory.
class Pairing {
 public:
  static constexpr std::size_t kMaxPairs = 16;

  /// Once per picture: the order of the finds along one coordinate.
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
  /// The finds whose place is in an interval.
  [[nodiscard]] std::span<const std::size_t> between(double low, double high) const;

  void start(std::size_t tracks, std::size_t finds);
  /// Tracks ascending; costs below 100 in magnitude.
  void allow(std::size_t track, std::size_t find, double cost);
  /// (track, find). Valid until the next start().
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
