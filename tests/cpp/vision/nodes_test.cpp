// The detector and tracker nodes in a pipeline: frames in, circles out, separate tracks per source.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/vision.hpp"

#include <cstring>
#include <utility>

#include "cpp/vision/drawn_discs.hpp"
#include <gtest/gtest.h>

namespace freshframe {
namespace {

Frame frame_with_disc(double x, PixelFormat format = PixelFormat::I420) {
  test::Canvas canvas(160, 120, 90);
  canvas.disc(x, 60, 25, 200);
  FrameBuilder builder({.width = 160, .height = 120, .format = format});
  const Plane plane = canvas.plane();
  for (int y = 0; y < 120; ++y) std::memcpy(builder.plane(0) + y * builder.stride(0), plane.row(y), 160);
  return std::move(builder).publish();
}

struct Caller {
  NodeCounters counters;
  SimulatedClock clock;
  Context context{.stop = {}, .clock = clock, .counters = counters};

  template <class NodeType>
  Circles operator()(NodeType& node, const Frame& frame, double pts, int source = 0) {
    AnySample sample;
    sample.stamp.pts = pts;
    sample.stamp.source = source;
    sample.frame = frame;
    return node.process(Sample<Frame>(sample), context).value();
  }
};

TEST(CircleDetector, FindsTheCircleOfAFrameAndGivesNoIds) {
  CircleDetector detector;
  const Circles out = Caller{}(detector, frame_with_disc(80), 0);
  ASSERT_EQ(out.circles.size(), 1U);
  EXPECT_NEAR(out.circles[0].x, 80, 0.3);
  EXPECT_NEAR(out.circles[0].r, 25, 0.3);
  EXPECT_TRUE(out.ids.empty());
}

TEST(CircleTracker, KeepsTheIdOfACircleThatMoves) {
  CircleTracker tracker;
  Caller call;
  for (int i = 0; i < 10; ++i) {
    const Circles out = call(tracker, frame_with_disc(50 + 5 * i), i / 30.0);
    ASSERT_EQ(out.ids, std::vector<std::int64_t>{1}) << "frame " << i;
    EXPECT_NEAR(out.circles[0].x, 50 + 5 * i, 0.3);
  }
}

TEST(CircleTracker, KeepsTheTracksOfTwoSourcesApart) {
  CircleTracker tracker;
  Caller call;
  // Each source has its own time. With shared tracks, time would go back at every other call.
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(call(tracker, frame_with_disc(60), i / 30.0, 0).ids, std::vector<std::int64_t>{1});
    EXPECT_EQ(call(tracker, frame_with_disc(100), 1000 + i / 30.0, 1).ids, std::vector<std::int64_t>{1});
  }
}

TEST(CircleTracker, RefusesBadOptionsBeforeTheFirstSample) {
  EXPECT_THROW(CircleTracker({.max_gap = -1}), OptionError);
  EXPECT_THROW(CircleTracker({.detector = {.max_circles = 0}}), OptionError);
}

}  // namespace
}  // namespace freshframe
