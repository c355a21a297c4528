// The plane, and columns that follow their rows.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/ground.hpp"

#include "freshframe/data_column.hpp"
#include "freshframe/error.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe {
namespace {

GroundOptions square_seen_from_above() {
  return {.picture = {{100, 100}, {300, 100}, {300, 300}, {100, 300}},
          .metres = {{0, 0}, {2, 0}, {2, 2}, {0, 2}}};
}

TEST(Ground, APlaneSeenFromAboveIsAScale) {
  const Ground ground(square_seen_from_above());
  const auto spot = ground.at(200, 150);
  ASSERT_TRUE(spot);
  EXPECT_NEAR(spot->place.x, 1, 1e-6);
  EXPECT_NEAR(spot->place.y, 0.5, 1e-6);
  EXPECT_NEAR(spot->jacobian[0], 0.01, 1e-6);
  EXPECT_NEAR(spot->jacobian[3], 0.01, 1e-6);
  const auto pixel = ground.pixel({1, 0.5});
  ASSERT_TRUE(pixel);
  EXPECT_NEAR(pixel->x, 200, 1e-3);
  EXPECT_NEAR(pixel->y, 150, 1e-3);
}

TEST(Ground, ClicksWithoutAnErrorGiveNone) {
  auto options = square_seen_from_above();
  options.click_error = 0;
  EXPECT_NEAR(Ground(options).speed_error_of_clicks(200, 150, 10, 0), 0, 1e-6);
  options.click_error = 2;  // of 200 pixels
  EXPECT_GT(Ground(options).speed_error_of_clicks(200, 150, 10, 0), 0.05);
}

TEST(Ground, PointsOnALineAreRefused) {
  auto options = square_seen_from_above();
  for (std::size_t i = 0; i < 4; ++i) options.picture[i] = {static_cast<float>(10 * i), 5};
  EXPECT_THROW(Ground{options}, OptionError);
}

TEST(DataColumn, RowsAreSelectedWithAllTheirValues) {
  const DataColumn points{"points", std::vector<float>{1, 2, 3, 4, 5, 6}, {2}};
  const std::array<std::int64_t, 2> rows = {2, 0};
  EXPECT_EQ(points.select(rows), (DataColumn{"points", std::vector<float>{5, 6, 1, 2}, {2}}));
  const DataColumn plates{"plate", std::vector<std::string>{"a", "b", "c"}, {}};
  EXPECT_EQ(plates.select(rows), (DataColumn{"plate", std::vector<std::string>{"c", "a"}, {}}));
  const std::vector<DataColumn> all = {points, plates};
  EXPECT_EQ(find_column(all, "plate"), &all[1]);
  EXPECT_EQ(find_column(all, "speed"), nullptr);
}

}  // namespace
}  // namespace freshframe
