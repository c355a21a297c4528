// Rows and grids of small equal discs: which circles count as one, and that a search finds them.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/vision.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "cpp/vision/drawn_discs.hpp"
#include "vision/search/selection.hpp"
#include <gtest/gtest.h>

namespace freshframe {
namespace {

using test::Canvas;
using test::nearest;

std::vector<bool> in_row(const std::vector<Circle>& circles) {
  vision::DiscRows rows;
  rows.find(circles);
  std::vector<bool> held(circles.size());
  for (std::size_t i = 0; i < circles.size(); ++i) held[i] = rows.holds(i);
  return held;
}

TEST(DiscRows, HoldThreeEqualDiscsSideBySide) {
  EXPECT_EQ(in_row({{.x = 10, .y = 10, .r = 6}, {.x = 27, .y = 10, .r = 6.3F}, {.x = 44, .y = 11, .r = 6}}),
            (std::vector{true, true, true}));
}

TEST(DiscRows, DoNotHoldPairs) {
  EXPECT_EQ(in_row({{.x = 10, .y = 10, .r = 6}, {.x = 27, .y = 10, .r = 6}}), (std::vector{false, false}));
}

TEST(DiscRows, CountADiscThatWasFoundTwiceOnce) {
  EXPECT_EQ(
      in_row({{.x = 10, .y = 10, .r = 6}, {.x = 27, .y = 10, .r = 6}, {.x = 27.5F, .y = 10, .r = 6.2F}}),
      (std::vector{false, false, false}));
}

TEST(DiscRows, DoNotHoldOtherSizesAndFarOnes) {
  EXPECT_EQ(in_row({{.x = 10, .y = 10, .r = 6}, {.x = 28, .y = 10, .r = 7}, {.x = 50, .y = 10, .r = 6}}),
            (std::vector{false, false, false}));
}

struct DiscPlace {
  double x = 0;
  double y = 0;
};

std::vector<DiscPlace> grid(int columns, int rows, DiscPlace first, DiscPlace pitch) {
  std::vector<DiscPlace> places;
  places.reserve(static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows));
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column)
      places.push_back({first.x + pitch.x * column, first.y + pitch.y * row});
  }
  return places;
}

// Each disc's surroundings look like texture to the learned validation, which rejects all of them at some sizes.
TEST(CircleFinder, FindsGridsOfSmallDiscs) {
  CircleFinder finder({.min_radius = 5, .max_radius = 60, .max_circles = 64});
  for (const int r : {6, 7, 8, 10}) {
    for (const int gap : {3, 4, 5, 6}) {
      Canvas canvas(200, 140, 200);
      const double pitch = 2 * r + gap;
      const auto places = grid(6, 4, {24.3, 26.8}, {pitch, pitch});
      for (const DiscPlace& place : places) canvas.disc(place.x, place.y, r, 70);
      canvas.noise(3, static_cast<unsigned>(gap));
      const auto found = finder.find(canvas.plane());
      EXPECT_EQ(found.size(), places.size()) << "radius " << r << ", gap " << gap;
      for (const DiscPlace& place : places) {
        const Circle c = nearest(found, place.x, place.y);
        EXPECT_LT(std::hypot(double{c.x} - place.x, double{c.y} - place.y) + std::abs(double{c.r} - r), 0.5)
            << "radius " << r << ", gap " << gap << ", at " << place.x << ", " << place.y;
      }
    }
  }
}

// The letters are round o's with a stroke of 2 pixels.
TEST(CircleFinder, DoesNotMistakeRowsOfLettersForDiscs) {
  Canvas canvas(240, 160, 230);
  for (const DiscPlace& place : grid(8, 6, {24, 24}, {17, 22})) {
    canvas.disc(place.x, place.y, 7, 20);
    canvas.disc(place.x, place.y, 5, 230);
  }
  canvas.noise(2, 1);
  EXPECT_TRUE(CircleFinder({.min_radius = 5, .max_radius = 60}).find(canvas.plane()).empty());
}

}  // namespace
}  // namespace freshframe
