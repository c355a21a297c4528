// Assigns rows to columns at the lowest total cost.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

namespace freshframe::vision {

/// A table of costs, and its best one-to-one assignment: the one with the lowest cost among those with as
/// many allowed pairs as possible. Time: min(rows, columns)^2 * max(rows, columns). Reuses its memory.
class Assignment {
 public:
  /// Starts a table in which no pair is allowed.
  void start(std::size_t rows, std::size_t columns);
  /// `cost`: must be less than 100 in magnitude.
  void allow(std::size_t row, std::size_t column, double cost) { costs_[row * columns_ + column] = cost; }

  /// Returns the column of each row, -1 for none. Valid until the next start().
  const std::vector<int>& solve();

 private:
  [[nodiscard]] double cost(std::size_t worker, std::size_t job) const;
  void add_worker(std::size_t worker);

  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
  std::vector<double> costs_;
  std::vector<int> column_of_row_;
  // Scratch memory of solve(). Workers are the shorter side of the table. Index 0 is a sentinel, so entries
  // start at 1.
  std::size_t workers_ = 0;
  std::size_t jobs_ = 0;
  std::vector<double> worker_price_;
  std::vector<double> job_price_;
  std::vector<std::size_t> worker_of_job_;
  std::vector<std::size_t> previous_job_;
  std::vector<double> distance_;
  std::vector<char> done_;
};

}  // namespace freshframe::vision
