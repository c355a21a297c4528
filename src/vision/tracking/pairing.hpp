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

namespace freshframe::vision {

// Pairs rows with columns at the least total cost.

/// A table of costs and its best one-to-one pairing. It has as many allowed pairs as possible, and among such
/// pairings the least cost. Time: min(rows, columns)^2 * max(rows, columns). Keeps its memory.
class Assignment {
 public:
  /// Allowed costs are below this in magnitude.
  static constexpr double kMaxCost = 100;

  /// Starts a table in which no pair is allowed.
  void start(std::size_t rows, std::size_t columns);
  void allow(std::size_t row, std::size_t column, double cost) { costs_[row * columns_ + column] = cost; }

  /// The column of each row, -1 for none. Valid until the next start().
  const std::vector<int>& solve();

 private:
  [[nodiscard]] double cost(std::size_t worker, std::size_t job) const;
  void add_worker(std::size_t worker);

  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
  std::vector<double> costs_;
  std::vector<int> column_of_row_;
  // Scratch of solve(); workers are the shorter side of the table. Index 0 is a sentinel, entries count
  // from 1.
  std::size_t workers_ = 0;
  std::size_t jobs_ = 0;
  std::vector<double> worker_price_;
  std::vector<double> job_price_;
  std::vector<std::size_t> worker_of_job_;
  std::vector<std::size_t> previous_job_;
  std::vector<double> distance_;
  std::vector<char> done_;
};

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
  /// Tracks ascending; costs below Assignment::kMaxCost in magnitude.
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
  std::vector<std::size_t> rows_;     // of the current component
  std::vector<std::size_t> columns_;
  std::vector<std::pair<std::size_t, std::size_t>> result_;
  Assignment assignment_;
};

}  // namespace freshframe::vision
