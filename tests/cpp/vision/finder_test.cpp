// CircleFinder with drawn discs: which are found, how accurately, and images without a circle.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "cpp/vision/drawn_discs.hpp"
#include "vision/search/selection.hpp"
#include <gtest/gtest.h>

namespace freshframe {
namespace {

using test::Canvas;
using test::nearest;

constexpr CircleDetectorOptions kWide = {
    .min_radius = 5, .max_radius = 230, .max_circles = 64, .min_confidence = 0.5F};

void expect_circle(const std::vector<Circle>& found, double x, double y, double r) {
  const Circle c = nearest(found, x, y);
  EXPECT_NEAR(c.x, x, 0.3) << "radius " << r;
  EXPECT_NEAR(c.y, y, 0.3) << "radius " << r;
  EXPECT_NEAR(c.r, r, 0.3) << "at " << x << ", " << y;
}

TEST(CircleFinder, FindsDiscsOfAllSizesToAThirdOfAPixel) {
  CircleFinder finder(kWide);
  for (const double r : {6.3, 8.0, 12.7, 25.2, 60.4, 119.6, 200.5}) {
    Canvas canvas(640, 480, 90);
    canvas.disc(320.4, 239.7, r, 180);
    canvas.noise(2, 1);
    const auto found = finder.find(canvas.plane());
    ASSERT_EQ(found.size(), 1U) << "radius " << r;
    expect_circle(found, 320.4, 239.7, r);
  }
}

TEST(CircleFinder, FindsBrightAndDarkDiscsInOnePicture) {
  Canvas canvas(320, 240, 120);
  canvas.disc(90.2, 100.6, 30, 220);
  canvas.disc(220.8, 130.3, 40, 30);
  canvas.noise(2, 2);
  const auto found = CircleFinder(kWide).find(canvas.plane());
  ASSERT_EQ(found.size(), 2U);
  expect_circle(found, 90.2, 100.6, 30);
  expect_circle(found, 220.8, 130.3, 40);
}

TEST(CircleFinder, FindsADiscThatIsPartlyCovered) {
  Canvas canvas(320, 240, 100);
  canvas.disc(160, 120, 50, 200);
  canvas.rectangle(150, 60, 320, 115, 60);
  canvas.noise(2, 3);
  expect_circle(CircleFinder(kWide).find(canvas.plane()), 160, 120, 50);
}

TEST(CircleFinder, FindsADiscThatIsCutByTheBorder) {
  Canvas canvas(320, 240, 100);
  canvas.disc(20, 120, 40, 200);
  canvas.noise(2, 4);
  expect_circle(CircleFinder(kWide).find(canvas.plane()), 20, 120, 40);
}

TEST(CircleFinder, SeparatesTwoTouchingDiscs) {
  Canvas canvas(320, 240, 80);
  canvas.disc(110, 120, 40, 200);
  canvas.disc(190, 120, 40, 200);
  canvas.noise(2, 5);
  const auto found = CircleFinder(kWide).find(canvas.plane());
  ASSERT_EQ(found.size(), 2U);
  expect_circle(found, 110, 120, 40);
  expect_circle(found, 190, 120, 40);
}

// Smoothing moves the steepest point of a small disc's edge inwards: by 0.15 pixels at this size.
TEST(CircleFinder, MeasuresSmallDiscsWithoutBias) {
  CircleFinder finder(kWide);
  double error = 0;
  int found = 0;
  for (int i = 0; i < 16; ++i) {
    Canvas canvas(64, 64, 80);
    canvas.disc(30 + 0.19 * i, 33 - 0.23 * i, 6.5, 170);
    canvas.noise(2, static_cast<unsigned>(i));
    for (const Circle& c : finder.find(canvas.plane())) {
      error += double{c.r} - 6.5;
      ++found;
    }
  }
  ASSERT_EQ(found, 16);
  EXPECT_NEAR(error / found, 0, 0.06);
}

TEST(CircleFinder, FindsADiscThatMovedWhileTheShutterWasOpen) {
  const auto found = CircleFinder(kWide).find(test::moving_disc(160, 120, 80, 61, 18, 170, 9).plane());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_NEAR(found[0].x, 80, 0.5);
  EXPECT_NEAR(found[0].y, 61, 0.5);
  EXPECT_NEAR(found[0].r, 18, 0.7);
}

Canvas target() {
  Canvas canvas(240, 200, 200);
  canvas.disc(120.3, 99.6, 70, 40);
  canvas.disc(120.3, 99.6, 46, 210);
  canvas.disc(120.3, 99.6, 22, 60);
  canvas.noise(2, 11);
  return canvas;
}

// Only the sides of a motion-blurred disc are sharp. The middle of the motion is derived from the width of its other
// edges.
TEST(CircleFinder, PlacesADiscHalfWayThroughItsMotion) {
  CircleFinder finder(kWide);
  constexpr int kPictures = 12;
  double off = 0;
  double off_radius = 0;
  for (int i = 0; i < kPictures; ++i) {
    const double x = 120 + 0.31 * i;
    const double y = 80 + 0.17 * i;
    const double r = 15 + i;
    Canvas canvas = test::moving_disc(240, 160, x, y, r, 120, 9);
    canvas.noise(7, static_cast<unsigned>(i));
    const Circle c = nearest(finder.find(canvas.plane()), x, y);
    off += std::hypot(double{c.x} - x, double{c.y} - y) / kPictures;
    off_radius += std::abs(double{c.r} - r) / kPictures;
  }
  EXPECT_LT(off, 0.25);
  EXPECT_LT(off_radius, 0.13);
}

TEST(CircleFinder, ReportsTheRingsOfATargetWhenAsked) {
  CircleDetectorOptions options = kWide;
  options.concentric = true;
  auto found = CircleFinder(options).find(target().plane());
  ASSERT_EQ(found.size(), 3U);
  std::sort(found.begin(), found.end(), [](const Circle& a, const Circle& b) { return a.r < b.r; });
  EXPECT_NEAR(found[0].r, 22, 0.3);
  EXPECT_NEAR(found[1].r, 46, 0.3);
  EXPECT_NEAR(found[2].r, 70, 0.3);
}

TEST(CircleFinder, ReportsATargetOnceOtherwise) {
  EXPECT_EQ(CircleFinder(kWide).find(target().plane()).size(), 1U);
}

TEST(CircleFinder, FindsNothingInNoiseFlatsAndRectangles) {
  CircleFinder finder(kWide);
  EXPECT_TRUE(finder.find(Canvas(320, 240, 0).plane()).empty());
  EXPECT_TRUE(finder.find(Canvas(320, 240, 255).plane()).empty());
  Canvas noise(320, 240, 128);
  noise.noise(25, 6);
  EXPECT_TRUE(finder.find(noise.plane()).empty());
  Canvas chaos(320, 240, 0);
  chaos.chaos(7);
  EXPECT_TRUE(finder.find(chaos.plane()).empty());
  Canvas boxes(320, 240, 60);
  boxes.rectangle(40, 40, 120, 110, 200);
  boxes.rectangle(160, 60, 280, 200, 140);
  EXPECT_TRUE(finder.find(boxes.plane()).empty());
}

TEST(CircleFinder, SeesTheLastColumnsOfEveryWidth) {
  CircleFinder finder(kWide);
  for (int width = 90; width < 157; ++width) {
    Canvas canvas(width, 80, 200);
    canvas.disc(width - 26.0, 40, 20, 60);
    const auto found = finder.find(canvas.plane());
    ASSERT_EQ(found.size(), 1U) << "width " << width;
    expect_circle(found, width - 26.0, 40, 20);
  }
}

TEST(CircleFinder, GivesNoTwoCirclesOfOneThing) {
  CircleFinder finder({.min_radius = 5, .max_radius = 100, .max_circles = 64, .min_confidence = 0});
  Canvas canvas(320, 240, 110);
  for (int i = 0; i < 6; ++i) canvas.disc(40 + 48 * i, 120, 14 + 2 * i, 40 + 40 * (i % 5));
  canvas.noise(9, 12);
  const auto found = finder.find(canvas.plane());
  ASSERT_GE(found.size(), 6U);
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) EXPECT_LE(vision::overlap(found[i], found[k]), 0.55F);
  }
}

TEST(CircleFinder, KeepsTheRadiusRangeAndTheBestFew) {
  Canvas canvas(480, 240, 90);
  canvas.disc(60, 120, 12, 200);
  canvas.disc(180, 120, 30, 200);
  canvas.disc(350, 120, 80, 200);
  canvas.noise(2, 8);
  const auto found =
      CircleFinder({.min_radius = 20, .max_radius = 50, .max_circles = 8}).find(canvas.plane());
  ASSERT_EQ(found.size(), 1U);
  expect_circle(found, 180, 120, 30);
  const auto two = CircleFinder({.min_radius = 5, .max_radius = 100, .max_circles = 2}).find(canvas.plane());
  ASSERT_EQ(two.size(), 2U);
  EXPECT_GE(two[0].confidence, two[1].confidence);
}

TEST(CircleFinder, ReadsRowsThatAreFurtherApartThanTheyAreWide) {
  Canvas packed(200, 150, 100);
  Canvas padded(200, 150, 100, 57);
  for (Canvas* canvas : {&packed, &padded}) canvas->disc(100.3, 70.8, 35, 210);
  const auto a = CircleFinder(kWide).find(packed.plane());
  const auto b = CircleFinder(kWide).find(padded.plane());
  ASSERT_EQ(a.size(), 1U);
  ASSERT_EQ(b.size(), 1U);
  EXPECT_EQ(a[0].x, b[0].x);
  EXPECT_EQ(a[0].r, b[0].r);
}

// The memory has the exact size, so a sanitizer reports even a single byte read too far.
TEST(CircleFinder, TakesPicturesOfAnySizeAndContent) {
  CircleFinder finder(kWide);
  for (const int height : {1, 2, 3, 7, 8, 9, 17, 64}) {
    for (const int width : {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 130}) {
      Canvas canvas(width, height, 0);
      canvas.chaos(static_cast<unsigned>(width * 1000 + height));
      for (const Circle& c : finder.find(canvas.plane())) EXPECT_GE(c.r, kWide.min_radius - 0.5F);
      if (std::min(width, height) > 16) canvas.disc(width / 2.0, height / 2.0, 7, 255);
      static_cast<void>(finder.find(canvas.plane()));
    }
  }
}

TEST(CircleFinder, TakesAVeryLargePicture) {
  Canvas canvas(4100, 3000, 90);
  canvas.disc(4000.5, 2900.25, 60, 180);
  expect_circle(CircleFinder(kWide).find(canvas.plane()), 4000.5, 2900.25, 60);
}

TEST(CircleFinder, GivesTheSameAnswerEachTimeAndAfterOtherPictures) {
  Canvas canvas(320, 240, 100);
  canvas.disc(100.7, 90.2, 33, 180);
  canvas.disc(220.1, 150.9, 21, 40);
  canvas.noise(6, 9);
  Canvas other(130, 70, 0);
  other.chaos(10);
  CircleFinder finder(kWide);
  const auto first = finder.find(canvas.plane());
  static_cast<void>(finder.find(other.plane()));
  const auto again = finder.find(canvas.plane());
  ASSERT_EQ(first.size(), again.size());
  ASSERT_GE(first.size(), 2U);
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].x, again[i].x);
    EXPECT_EQ(first[i].y, again[i].y);
    EXPECT_EQ(first[i].r, again[i].r);
    EXPECT_EQ(first[i].confidence, again[i].confidence);
  }
}

std::string refusal(const CircleDetectorOptions& options) {
  try {
    CircleFinder finder(options);
  } catch (const OptionError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(CircleFinder, RefusesInvalidOptionsWithAReason) {
  EXPECT_EQ(refusal({.min_radius = 1}), "min_radius must be at least 2 pixels, got 1");
  EXPECT_EQ(refusal({.min_radius = 30, .max_radius = 20}),
            "max_radius must be greater than min_radius (30) and at most 100000 pixels, got 20");
  EXPECT_EQ(refusal({.max_circles = 0}), "max_circles must be from 1 to 500 (no more are examined), got 0");
  EXPECT_EQ(refusal({.max_circles = 501}),
            "max_circles must be from 1 to 500 (no more are examined), got 501");
  EXPECT_EQ(refusal({.min_confidence = 1.5F}), "min_confidence must be from 0 to 1, got 1.5");
  EXPECT_EQ(refusal({.min_confidence = std::numeric_limits<float>::quiet_NaN()}),
            "min_confidence must be from 0 to 1, got nan");
}

TEST(CircleFinder, RefusesAPictureWithoutPixels) {
  EXPECT_THROW(static_cast<void>(CircleFinder().find({})), Error);
}

}  // namespace
}  // namespace freshframe
