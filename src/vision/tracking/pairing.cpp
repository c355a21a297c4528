// Splits the allowed pairs into connected components and solves each by the Hungarian method.
// SPDX-License-Identifier: Apache-2.0
//
// Assignment solves one table by shortest augmenting paths: R. Jonker, A. Volgenant, "A shortest augmenting path
// algorithm for dense and sparse linear assignment problems", Computing 1987, without its initialisation, since the
// tables here are small. Pairing makes these tables: a track and a find far from all others are a table of one pair,
// so a picture with hundreds of objects costs about what its densest crowd costs. Of a track in a crowd only the
// cheapest pairs are kept, which bounds that, too.
#include "vision/tracking/pairing.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace freshframe::vision {

namespace {

// Costs more than any exchange of allowed pairs could save, so the number of allowed pairs comes first.
constexpr double kForbidden = 1e6;

}  // namespace

void Assignment::start(std::size_t rows, std::size_t columns) {
  rows_ = rows;
  columns_ = columns;
  costs_.assign(rows * columns, kForbidden);
}

double Assignment::cost(std::size_t worker, std::size_t job) const {
  return rows_ <= columns_ ? costs_[(worker - 1) * columns_ + job - 1]
                           : costs_[(job - 1) * columns_ + worker - 1];
}

const std::vector<int>& Assignment::solve() {
  workers_ = rows_ <= columns_ ? rows_ : columns_;
  jobs_ = rows_ <= columns_ ? columns_ : rows_;
  worker_price_.assign(workers_ + 1, 0);
  job_price_.assign(jobs_ + 1, 0);
  worker_of_job_.assign(jobs_ + 1, 0);
  previous_job_.assign(jobs_ + 1, 0);
  for (std::size_t worker = 1; worker <= workers_; ++worker) add_worker(worker);
  column_of_row_.assign(rows_, -1);
  for (std::size_t job = 1; job <= jobs_; ++job) {
    const std::size_t worker = worker_of_job_[job];
    if (worker == 0 || cost(worker, job) >= kForbidden) continue;
    const std::size_t row = rows_ <= columns_ ? worker : job;
    const std::size_t column = rows_ <= columns_ ? job : worker;
    column_of_row_[row - 1] = static_cast<int>(column - 1);
  }
  return column_of_row_;
}

// Dijkstra over reduced costs from the new worker to the nearest free job, then the jobs along the path move
// up.
void Assignment::add_worker(std::size_t worker) {
  constexpr double kFar = std::numeric_limits<double>::infinity();
  distance_.assign(jobs_ + 1, kFar);
  done_.assign(jobs_ + 1, 0);
  worker_of_job_[0] = worker;
  std::size_t job = 0;
  do {
    done_[job] = 1;
    const std::size_t from = worker_of_job_[job];
    double nearest = kFar;
    std::size_t next = 0;
    for (std::size_t j = 1; j <= jobs_; ++j) {
      if (done_[j] != 0) continue;
      const double reduced = cost(from, j) - worker_price_[from] - job_price_[j];
      if (reduced < distance_[j]) {
        distance_[j] = reduced;
        previous_job_[j] = job;
      }
      if (distance_[j] < nearest) {
        nearest = distance_[j];
        next = j;
      }
    }
    for (std::size_t j = 0; j <= jobs_; ++j) {
      if (done_[j] != 0) {
        worker_price_[worker_of_job_[j]] += nearest;
        job_price_[j] -= nearest;
      } else {
        distance_[j] -= nearest;
      }
    }
    job = next;
  } while (worker_of_job_[job] != 0);
  while (job != 0) {
    const std::size_t previous = previous_job_[job];
    worker_of_job_[job] = worker_of_job_[previous];
    job = previous;
  }
}

namespace {

// Finds the index among the sorted distinct values.
std::size_t index_of(const std::vector<std::size_t>& values, std::size_t value) {
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

// Keeps the cheapest pairs of the current track. Of equal ones each track keeps different ones, so that a
// crowd in one place finds enough partners.
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
    assignment_.allow(index_of(rows_, pair.track), index_of(columns_, pair.find), pair.cost);
  }
  const auto& column_of = assignment_.solve();
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    if (column_of[row] >= 0) {
      result_.emplace_back(rows_[row], columns_[static_cast<std::size_t>(column_of[row])]);
    }
  }
}

}  // namespace freshframe::vision
