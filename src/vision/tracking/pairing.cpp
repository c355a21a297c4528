// Splits the allowed pairs into connected components and solves each as an Assignment.
// SPDX-License-Identifier: Apache-2.0
//
// A track and a detection that are far from all others form a component of one pair, so an image with
// hundreds of objects costs about as much as its densest crowd. For each track only the cheapest pairs are
// kept, which bounds the cost of a crowd, too.
#include "vision/tracking/pairing.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace freshframe::vision {

namespace {

// Returns the index of `value` in the sorted, distinct `values`.
std::size_t find_index(const std::vector<std::size_t>& values, std::size_t value) {
  return static_cast<std::size_t>(std::lower_bound(values.begin(), values.end(), value) - values.begin());
}

void make_distinct(std::vector<std::size_t>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace

std::span<const std::size_t> Pairing::between(double low, double high) const {
  const auto before = [](const auto& place, double limit) { return place.first < limit; };
  const auto after = [](double limit, const auto& place) { return limit < place.first; };
  const auto first = std::lower_bound(places_.begin(), places_.end(), low, before);
  const auto last = std::upper_bound(first, places_.end(), high, after);
  return std::span(order_).subspan(static_cast<std::size_t>(first - places_.begin()),
                                   static_cast<std::size_t>(last - first));
}

void Pairing::start(std::size_t tracks, std::size_t finds) {
  tracks_ = tracks;
  pairs_.clear();
  first_of_track_ = 0;
  parents_.resize(tracks + finds);
  std::iota(parents_.begin(), parents_.end(), std::size_t{0});
}

void Pairing::allow(std::size_t track, std::size_t find, double cost) {
  if (!pairs_.empty() && pairs_.back().track != track) {
    thin_out();
    first_of_track_ = pairs_.size();
  }
  pairs_.push_back({track, find, cost});
}

// Keeps the cheapest pairs of the current track. Among equal costs, each track keeps different ones, so that
// the tracks of a crowd do not all compete for the same detections.
void Pairing::thin_out() {
  if (pairs_.size() - first_of_track_ <= kMaxPairs) return;
  const auto first = pairs_.begin() + static_cast<std::ptrdiff_t>(first_of_track_);
  const auto last = first + kMaxPairs;
  const std::size_t finds = parents_.size() - tracks_;
  const std::size_t own = pairs_.back().track * std::max<std::size_t>(1, finds / tracks_) % finds;
  const auto rank = [&](const Pair& pair) { return std::pair(pair.cost, (pair.find + finds - own) % finds); };
  std::nth_element(first, last, pairs_.end(),
                   [&](const Pair& a, const Pair& b) { return rank(a) < rank(b); });
  pairs_.erase(last, pairs_.end());
}

std::size_t Pairing::root(std::size_t node) {
  while (parents_[node] != node) {
    parents_[node] = parents_[parents_[node]];
    node = parents_[node];
  }
  return node;
}

std::span<const std::pair<std::size_t, std::size_t>> Pairing::solve() {
  result_.clear();
  thin_out();
  for (const Pair& pair : pairs_) parents_[root(tracks_ + pair.find)] = root(pair.track);
  for (Pair& pair : pairs_) pair.knot = root(pair.track);
  std::sort(pairs_.begin(), pairs_.end(), [](const Pair& a, const Pair& b) {
    return std::pair(a.knot, a.track) < std::pair(b.knot, b.track);
  });
  const std::span<const Pair> all(pairs_);
  for (std::size_t begin = 0; begin < all.size();) {
    std::size_t end = begin + 1;
    while (end < all.size() && all[end].knot == all[begin].knot) ++end;
    solve_knot(all.subspan(begin, end - begin));
    begin = end;
  }
  return result_;
}

void Pairing::solve_knot(std::span<const Pair> pairs) {
  if (pairs.size() == 1) {
    result_.emplace_back(pairs[0].track, pairs[0].find);
    return;
  }
  rows_.clear();
  columns_.clear();
  for (const Pair& pair : pairs) {
    rows_.push_back(pair.track);
    columns_.push_back(pair.find);
  }
  make_distinct(rows_);
  make_distinct(columns_);
  assignment_.start(rows_.size(), columns_.size());
  for (const Pair& pair : pairs) {
    assignment_.allow(find_index(rows_, pair.track), find_index(columns_, pair.find), pair.cost);
  }
  const auto& column_of = assignment_.solve();
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    if (column_of[row] >= 0) {
      result_.emplace_back(rows_[row], columns_[static_cast<std::size_t>(column_of[row])]);
    }
  }
}

}  // namespace freshframe::vision
