// Annotate: labels, colours and trails.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/vision.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include "cpp/vision/drawn.hpp"
#include <gtest/gtest.h>

namespace freshframe {
namespace {

TEST(Annotate, AnotherTextOfTheSameSizeAndTheSameTextAgainAreDrawnRight) {
  const Frame frame = picture(320, 240);
  Drawing drawing;
  const auto circles = [](std::int64_t id) { return one({160, 140, 40, 1}, id); };
  const Frame first = drawing(frame, circles(7));
  drawing(frame, circles(8));
  const Frame larger = picture(640, 480);
  drawing(larger, circles(7));
  AnnotateOptions still;
  still.trail = 0;
  EXPECT_EQ(differences(Drawing(still)(frame, circles(7)), Drawing(still)(frame, circles(7))), 0);
  EXPECT_EQ(differences(first, Drawing()(frame, circles(7))), 0);
}

TEST(Annotate, WritesTheIdAboveTheCircle) {
  const Frame frame = picture(320, 240);
  const Circle circle{.x = 160, .y = 140, .r = 40, .confidence = 1};
  AnnotateOptions silent;
  silent.labels = "";
  const Frame ring = Drawing(silent)(frame, one(circle, 7));
  const Frame named = Drawing()(frame, one(circle, 7));
  const Frame other = Drawing()(frame, one(circle, 8));
  const Where above = [](int x, int y) { return y < 100 && y > 75 && std::abs(x - 160) < 30; };
  EXPECT_GT(differences(ring, named, above), 150);
  EXPECT_GT(differences(named, other), 300) << "another id has another colour and text";
  int dark = 0;
  for (int y = 75; y < 100; ++y) {
    for (int x = 130; x < 190; ++x)
      dark += *std::max_element(pixel(named, x, y), pixel(named, x, y) + 3) < 60 ? 1 : 0;
  }
  EXPECT_GT(dark, 15) << "dark letters on a bright tag";
}

TEST(Annotate, WritesScoresWhenAskedWithAndWithoutIds) {
  const Frame frame = picture(320, 240);
  const Circle circle{.x = 160, .y = 140, .r = 40, .confidence = 0.5F};
  AnnotateOptions options;
  options.labels = "#{tracker_id} {confidence:.2f}";
  const Where above = [](int x, int y) { return y < 100 && y > 75 && std::abs(x - 160) < 60; };
  EXPECT_GT(differences(Drawing()(frame, one(circle)), Drawing(options)(frame, one(circle)), above), 150);
  EXPECT_GT(differences(Drawing()(frame, one(circle, 3)), Drawing(options)(frame, one(circle, 3)), above),
            50);
}

TEST(Annotate, PutsTheLabelBelowIfThereIsNoSpaceAbove) {
  const Frame frame = picture(320, 240);
  AnnotateOptions silent;
  silent.labels = "";
  const Circle circle{.x = 2, .y = 45, .r = 40, .confidence = 1};
  const Frame ring = Drawing(silent)(frame, one(circle, 7));
  const Frame named = Drawing()(frame, one(circle, 7));
  EXPECT_GT(differences(ring, named, [](int x, int y) { return y > 85 && y < 110 && x < 40; }), 150);
}

TEST(Annotate, ColoursADetectionByItsScore) {
  const Frame frame = picture(100, 100);
  const Frame poor = Drawing()(frame, one({50, 50, 30, 0}));
  const Frame good = Drawing()(frame, one({50, 50, 30, 1}));
  EXPECT_GT(pixel(poor, 80, 50)[2], pixel(poor, 80, 50)[1]) << "red";
  EXPECT_GT(pixel(good, 80, 50)[1], pixel(good, 80, 50)[2]) << "green";
}

TEST(Annotate, DrawsATrailBehindATrackedCircle) {
  const Frame frame = picture(256, 128);
  AnnotateOptions options;
  options.labels = "";
  options.line_width = 2;
  Drawing with(options);
  options.trail = 0;
  Drawing without(options);
  Frame trail;
  Frame none;
  for (int i = 0; i <= 10; ++i) {
    const Circles circles = one({static_cast<float>(40 + 15 * i), 64, 12, 1}, 4);
    trail = with(frame, circles, {.pts = 0.05 * i});
    none = without(frame, circles, {.pts = 0.05 * i});
  }
  EXPECT_GT(
      differences(none, trail, [](int x, int y) { return x >= 39 && x <= 191 && std::abs(y - 64) <= 3; }),
      200);
  const auto change = [&](int x) { return std::abs(pixel(trail, x, 64)[1] - pixel(frame, x, 64)[1]); };
  EXPECT_GT(change(160), change(50)) << "an old part of the trail is fainter";
}

TEST(Annotate, TrailsEndAfterTheirTimeAndStayWithTheirSourceAndId) {
  const Frame frame = picture(128, 64);
  AnnotateOptions options;
  options.labels = "";
  options.trail = 0.5;
  const Circles left = one({20, 32, 8, 1}, 1);
  const Circles right = one({100, 32, 8, 1}, 1);
  const Frame fresh = Drawing(options)(frame, right);
  const auto middle_changes = [&](const Moment& moment, const Circles& second) {
    Drawing drawing(options);
    drawing(frame, left);
    const Frame drawn = drawing(frame, second, moment);
    return differences(fresh, drawn);
  };
  EXPECT_GT(middle_changes({.pts = 0.4}, right), 50);
  EXPECT_EQ(middle_changes({.pts = 0.6}, right), 0) << "too old";
  EXPECT_EQ(middle_changes({.pts = 0.4, .source = 1}, right), 0) << "another source";
  EXPECT_EQ(middle_changes({.pts = -0.1}, right), 0) << "a step back starts afresh";
  const Circles other = one({100, 32, 8, 1}, 2);
  Drawing drawing(options);
  drawing(frame, left);
  EXPECT_EQ(differences(Drawing(options)(frame, other), drawing(frame, other, {.pts = 0.4})), 0)
      << "another id";
}

}  // namespace
}  // namespace freshframe
