// The parts of an image that the tracker searches: as small as possible without missing a circle.
// SPDX-License-Identifier: Apache-2.0
#include "vision/search/partial_search.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "cpp/vision/drawn_discs.hpp"
#include "vision/picture/cell_means.hpp"
#include <gtest/gtest.h>
#include <hwy/highway.h>

namespace freshframe::vision {
namespace {

constexpr double kFrame = 1.0 / 30;
constexpr double kNever = 1e6;  // no later full search, which would find what the local search misses

/// The parts of CircleTracker, without its node.
class Tracking {
 public:
  explicit Tracking(double full_every) : partial_(full_every) {}

  std::vector<Circle> operator()(const test::Canvas& canvas, double pts) {
    tracks_.advance(pts);
    auto found = partial_.find(search_, canvas.plane(), tracks_);
    tracks_.take(found);
    return found;
  }
  [[nodiscard]] double share() const { return partial_.searched_share(); }

 private:
  CircleTrackerOptions options_;
  CircleSearch search_{options_.detector};
  CircleTracks tracks_{{}, circle_rules(options_)};
  PartialSearch partial_;
};

/// A still, structured background with camera noise. `dx`: shift in pixels, as if the camera were turned.
test::Canvas room(unsigned frame, int dx = 0) {
  test::Canvas canvas(480, 360, 110);
  for (int k = 0; k < 9; ++k) {
    const int x = (k * 137 + dx) % 480;
    canvas.rectangle(x, 40 * k, x + 50, 40 * k + 25, 60 + 17 * k);
  }
  canvas.noise(3, frame + 1);
  return canvas;
}

bool sees(const std::vector<Circle>& found, double x, double y, double r) {
  const Circle c = test::nearest(found, x, y);
  return std::hypot(double{c.x} - x, double{c.y} - y) < 1 && std::abs(double{c.r} - r) < 1;
}

TEST(PartialSearch, SearchesLittleOfAStillSceneAndKeepsItsCircles) {
  Tracking track(kNever);
  for (unsigned i = 0; i < 20; ++i) {
    auto canvas = room(i);
    canvas.disc(120.4, 200.7, 30, 230);
    canvas.disc(400, 90, 12, 20);
    const auto found = track(canvas, i * kFrame);
    EXPECT_TRUE(sees(found, 120.4, 200.7, 30)) << "frame " << i;
    EXPECT_TRUE(sees(found, 400, 90, 12)) << "frame " << i;
    if (i == 0) {
      EXPECT_EQ(track.share(), 1);
    } else {
      EXPECT_LT(track.share(), 0.15) << "frame " << i;
    }
  }
}

TEST(PartialSearch, FollowsCirclesThatMoveAndBounce) {
  Tracking track(kNever);
  double widest = 0;
  for (unsigned i = 0; i < 60; ++i) {
    const double x = 240 + 190 * std::asin(std::sin(0.12 * i)) / 1.5708;
    const double y = 180 + 100 * std::cos(0.15 * i);
    auto canvas = room(i);
    canvas.disc(x, 120, 20, 235);
    canvas.disc(60 + 5.5 * i, y, 14, 15);
    const auto found = track(canvas, i * kFrame);
    EXPECT_TRUE(sees(found, x, 120, 20)) << "frame " << i;
    EXPECT_TRUE(sees(found, 60 + 5.5 * i, y, 14)) << "frame " << i;
    if (i > 0) widest = std::max(widest, track.share());
  }
  EXPECT_LT(widest, 0.4);
}

TEST(PartialSearch, FindsACircleInThePictureInWhichItAppears) {
  Tracking track(kNever);
  for (unsigned i = 0; i < 12; ++i) {
    auto canvas = room(i);
    if (i >= 5) canvas.disc(300, 200, 25, 240);
    EXPECT_EQ(sees(track(canvas, i * kFrame), 300, 200, 25), i >= 5) << "frame " << i;
  }
}

TEST(PartialSearch, FindsACircleThatFadesInSlowerThanAnyTwoPicturesShow) {
  Tracking track(kNever);
  std::vector<Circle> found;
  for (unsigned i = 0; i < 120; ++i) {
    test::Canvas canvas(160, 120, 110);
    canvas.disc(80, 60, 28, 110 + static_cast<int>(i / 2));  // half a grey level per frame
    canvas.noise(2, i + 1);
    found = track(canvas, i * kFrame);
  }
  EXPECT_TRUE(sees(found, 80, 60, 28));
}

TEST(PartialSearch, FindsACircleAgainThatJumpedFurtherThanAnyPrediction) {
  Tracking track(kNever);
  for (unsigned i = 0; i < 16; ++i) {
    const double x = i < 8 ? 80 : 400;
    auto canvas = room(i);
    canvas.disc(x, 250, 22, 240);
    EXPECT_TRUE(sees(track(canvas, i * kFrame), x, 250, 22)) << "frame " << i;
  }
}

TEST(PartialSearch, LightThatChangesEverywhereIsNotAChange) {
  Tracking track(kNever);
  for (unsigned i = 0; i < 20; ++i) {
    auto canvas = room(0);
    canvas.disc(120, 200, 30, 200);
    const double light = 1 + 0.15 * std::sin(0.5 * i);
    for (int y = 0; y < 360; ++y) {
      for (int x = 0; x < 480; ++x) canvas.at(x, y) = static_cast<std::uint8_t>(canvas.at(x, y) * light);
    }
    EXPECT_TRUE(sees(track(canvas, i * kFrame), 120, 200, 30)) << "frame " << i;
    if (i > 0) {
      EXPECT_LT(track.share(), 0.2) << "frame " << i;
    }
  }
}

TEST(PartialSearch, SearchesTheWholePictureUnderACameraThatMoves) {
  Tracking track(kNever);
  for (unsigned i = 0; i < 10; ++i) {
    test::Canvas canvas(480, 360, 0);
    for (int y = 0; y < 360; ++y) {
      for (int x = 0; x < 480; ++x) {
        const double u = x + 9.0 * i;
        canvas.at(x, y) = static_cast<std::uint8_t>(120 + 60 * std::sin(0.05 * u) * std::cos(0.06 * y));
      }
    }
    canvas.disc(100 + 30 * i, 180, 20, 250);  // moves against the camera's turn
    EXPECT_TRUE(sees(track(canvas, i * kFrame), 100 + 30 * i, 180, 20)) << "frame " << i;
    EXPECT_EQ(track.share(), 1) << "frame " << i;
  }
}

TEST(PartialSearch, SearchesTheWholePictureOnceInAnInterval) {
  Tracking track(0.5);
  std::vector<unsigned> whole;
  for (unsigned i = 0; i < 40; ++i) {
    static_cast<void>(track(room(i), i * 0.1));
    if (track.share() == 1) whole.push_back(i);
  }
  EXPECT_EQ(whole, (std::vector<unsigned>{0, 5, 10, 15, 20, 25, 30, 35}));
}

TEST(PartialSearch, SearchesEachWholeImageIfRequested) {
  Tracking track(0);
  for (unsigned i = 0; i < 5; ++i) {
    static_cast<void>(track(room(i), i * kFrame));
    EXPECT_EQ(track.share(), 1);
  }
}

TEST(PartialSearch, AStepBackInTimeOrAnotherSizeBringsAWholeSearch) {
  Tracking track(kNever);
  static_cast<void>(track(room(0), 10));
  static_cast<void>(track(room(1), 10 + kFrame));
  EXPECT_LT(track.share(), 1);
  static_cast<void>(track(room(2), 3));
  EXPECT_EQ(track.share(), 1);
  static_cast<void>(track(room(3), 3 + kFrame));
  EXPECT_LT(track.share(), 1);
  for (const int side : {1, 7, 8, 9, 200}) {  // sizes around a cell, too small for a circle, and 200
    test::Canvas canvas(side, side + 3, 90);
    canvas.disc(side / 2.0, side / 2.0, side / 4.0, 220);
    EXPECT_EQ(track(canvas, 4).empty(), side < 200) << side;
    EXPECT_EQ(track.share(), 1) << side;
    EXPECT_EQ(track(canvas, 4 + kFrame).empty(), side < 200) << side;
  }
}

TEST(PartialSearch, FindsWhatAWholeSearchFindsInABusyScene) {
  Tracking partial(kNever);
  Tracking whole(0);
  std::size_t by_parts = 0;
  std::size_t by_whole = 0;
  for (unsigned i = 0; i < 30; ++i) {
    auto canvas = room(i);
    for (int k = 0; k < 8; ++k) {
      const double angle = 0.7 * k + 0.04 * i * (k % 2 == 0 ? 1 : -1);
      canvas.disc(240 + (60 + 18 * k) * std::cos(angle), 180 + (30 + 14 * k) * std::sin(angle), 9 + 2 * k,
                  k % 3 == 0 ? 20 : 200 + 6 * k);
    }
    by_parts += partial(canvas, i * kFrame).size();
    by_whole += whole(canvas, i * kFrame).size();
  }
  EXPECT_GE(by_whole, 150U);
  EXPECT_GE(by_parts + 3, by_whole);
}

TEST(PartialSearch, RefusesAnInvalidInterval) {
  EXPECT_THROW(PartialSearch(-1), OptionError);
  EXPECT_THROW(PartialSearch{std::numeric_limits<double>::quiet_NaN()}, OptionError);
}

TEST(CellMeans, AreTheSameOnEveryInstructionSetAndAtEverySize) {
  const std::int64_t supported = hwy::SupportedTargets();
  for (const int width : {1, 8, 63, 64, 65, 333}) {
    test::Canvas canvas(width, 21, 0, 5);
    canvas.chaos(static_cast<unsigned>(width));
    std::vector<std::uint16_t> means(CellMask::count_cells(width, 21));
    std::vector<std::uint16_t> wanted;
    for (int y = 0; y < 21; y += 8) {
      for (int x = 0; x < width; x += 8) {
        int sum = 0;
        int count = 0;
        for (int v = y; v < std::min(21, y + 8); ++v) {
          for (int u = x; u < std::min(width, x + 8); ++u, ++count) sum += canvas.at(u, v);
        }
        wanted.push_back(static_cast<std::uint16_t>(sum * kMeanScale / count));
      }
    }
    for (std::int64_t left = supported; left != 0; left &= left - 1) {
      const std::int64_t target = left & -left;
      if ((target & HWY_TARGETS) == 0) continue;
      hwy::SetSupportedTargetsForTest(target);
      hwy::GetChosenTarget().DeInit();
      measure_cell_means(canvas.plane(), means.data());
      hwy::SetSupportedTargetsForTest(0);
      hwy::GetChosenTarget().DeInit();
      EXPECT_EQ(means, wanted) << hwy::TargetName(target) << ", width " << width;
    }
  }
}

TEST(CellMask, MarksTheCellsThatARingTouches) {
  CellMask mask;
  mask.start(200, 160);
  const double x = 90;
  const double y = 70;
  mask.mark_ring(x, y, 40, 50);
  for (int row = 0; row < mask.rows(); ++row) {
    for (int column = 0; column < mask.columns(); ++column) {
      bool touched = false;
      for (int v = 0; v < CellMask::kCell; ++v) {
        for (int u = 0; u < CellMask::kCell; ++u) {
          const double d = std::hypot(column * CellMask::kCell + u - x, row * CellMask::kCell + v - y);
          touched = touched || (d >= 40 && d <= 50);
        }
      }
      if (touched) {
        EXPECT_TRUE(mask(column, row)) << column << ", " << row;
      }
    }
  }
  EXPECT_FALSE(mask(11, 8)) << "the middle of the ring";
  EXPECT_FALSE(mask(0, 0));
  mask.start(200, 160);
  mask.mark_ring(-1e9, 1e30, 1e8, 2e9);  // far outside: must not crash
  mask.mark_ring(std::numeric_limits<double>::quiet_NaN(), 5, 3, 4);
}

}  // namespace
}  // namespace freshframe::vision
