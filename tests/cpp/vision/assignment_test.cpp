// The assignment solver against trying all pairings.
// SPDX-License-Identifier: Apache-2.0
#include "vision/tracking/assignment.hpp"

#include <algorithm>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::vision {
namespace {

using Table = std::vector<std::vector<std::optional<double>>>;

// Tries all pairings of the rows from `row` on. Returns {-pairs, cost} of the best: most pairs first, then least cost.
std::pair<int, double> best_by_trial(const Table& table, std::size_t row, std::vector<bool>& taken) {
  if (row == table.size()) return {0, 0.0};
  auto best = best_by_trial(table, row + 1, taken);
  for (std::size_t c = 0; c < taken.size(); ++c) {
    if (taken[c] || !table[row][c]) continue;
    taken[c] = true;
    auto [pairs, cost] = best_by_trial(table, row + 1, taken);
    best = std::min(best, {pairs - 1, cost + *table[row][c]});
    taken[c] = false;
  }
  return best;
}

TEST(Assignment, IsAsGoodAsTheBestOfAllPairings) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> cost(-20, 80);
  Assignment assignment;
  for (int trial = 0; trial < 400; ++trial) {
    const std::size_t rows = random() % 6;
    const std::size_t columns = random() % 6;
    Table table(rows, std::vector<std::optional<double>>(columns));
    assignment.start(rows, columns);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < columns; ++c) {
        if (random() % 3 == 0) continue;
        table[r][c] = cost(random);
        assignment.allow(r, c, *table[r][c]);
      }
    }
    const auto& column_of = assignment.solve();
    ASSERT_EQ(column_of.size(), rows);
    std::vector<bool> taken(columns);
    int pairs = 0;
    double total = 0;
    for (std::size_t r = 0; r < rows; ++r) {
      if (column_of[r] < 0) continue;
      const auto c = static_cast<std::size_t>(column_of[r]);
      ASSERT_TRUE(table[r][c].has_value());
      ASSERT_FALSE(taken[c]);
      taken[c] = true;
      ++pairs;
      total += *table[r][c];
    }
    std::vector<bool> none(columns);
    const auto best = best_by_trial(table, 0, none);
    EXPECT_EQ(pairs, -best.first);
    EXPECT_NEAR(total, best.second, 1e-6);
  }
}

}  // namespace
}  // namespace freshframe::vision
