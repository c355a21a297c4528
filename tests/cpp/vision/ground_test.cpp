// The ground plane, and columns that must stay with their rows.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/ground.hpp"

#include "freshframe/data_column.hpp"
#include "freshframe/error.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "vision/ground/foot_motion.hpp"
#include <gtest/gtest.h>

namespace freshframe {
namespace {

GroundOptions square_seen_from_above() {
  return {.points = {{100, 100}, {300, 100}, {300, 300}, {100, 300}},
          .places = {{0, 0}, {2, 0}, {2, 2}, {0, 2}}};
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
  EXPECT_NEAR(Ground(options).estimate_speed_error(200, 150, 10, 0), 0, 1e-6);
  options.click_error = 2;  // on 200 pixels
  EXPECT_GT(Ground(options).estimate_speed_error(200, 150, 10, 0), 0.05);
}

TEST(Ground, PointsOnALineAreRefused) {
  auto options = square_seen_from_above();
  for (std::size_t i = 0; i < 4; ++i) options.points[i] = {static_cast<float>(10 * i), 5};
  EXPECT_THROW(Ground{options}, OptionError);
}

// How the position of a foot jumps after a second. It moves 1 m/s to the right and is seen ten times per second.
struct Displaced {
  const char* what;
  double right = 0;
  double down = 0;
  double shorter = 0;
  bool begins_again = false;
};

class AFootThatJumps : public testing::TestWithParam<Displaced> {};

TEST_P(AFootThatJumps, EndsTheSpeedUnlessItIsHidden) {
  constexpr double kStep = 0.1;  // seconds
  constexpr double kHeight = 50;
  const auto& [what, right, down, shorter, begins_again] = GetParam();
  const Ground ground(square_seen_from_above());
  vision::FootMotion motion;
  const auto see = [&](int step, const Displaced& by) {
    motion.see(ground, step * kStep,
               {.u = 100 + 10.0 * step + by.right, .v = 200 + by.down, .height = kHeight - by.shorter});
    return motion.at(ground, step * kStep);
  };
  for (int step = 0; step < 10; ++step) see(step, {});
  const auto jumped = see(10, GetParam());
  EXPECT_EQ(std::isnan(jumped.speed), begins_again);
  for (int step = 11; step < 15; ++step) EXPECT_EQ(std::isnan(see(step, GetParam()).speed), begins_again);
  EXPECT_NEAR(see(15, GetParam()).speed, 1, 0.15);
}

INSTANTIATE_TEST_SUITE_P(
    Ground, AFootThatJumps,
    testing::Values(Displaced{"nowhere"}, Displaced{.what = "left", .right = -40, .begins_again = true},
                    Displaced{.what = "right", .right = 40, .begins_again = true},
                    Displaced{.what = "down", .down = 40, .begins_again = true},
                    Displaced{.what = "up", .down = -40, .begins_again = true},
                    Displaced{.what = "aslant", .right = 30, .down = -30, .begins_again = true},
                    Displaced{.what = "hidden", .down = -20, .shorter = 20},
                    Displaced{.what = "a_little", .right = 5}),
    [](const auto& tested) { return std::string(tested.param.what); });

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
