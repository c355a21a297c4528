// LineCounter and ZoneCounter: directions, ends, corners, NaN and infinity.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "cpp/support.hpp"
#include "cpp/vision/drawn.hpp"
#include <gtest/gtest.h>

namespace freshframe {
namespace {

Circles at(float x, float y, std::int64_t id = 1) {
  return {.circles = {{x, y, 10, 1}}, .ids = {id}, .tracked = true};
}

template <class Counter>
auto walk(Counter& counter, const std::vector<std::pair<float, float>>& places, int source = 0) {
  auto counts = counter.update(Circles{.circles = {}, .ids = {}, .tracked = true}, 0, source);
  double time = 0;
  for (const auto& [x, y] : places) counts = counter.update(at(x, y), time += 0.1, source);
  return counts;
}

TEST(LineCounter, CountsEachDirectionWhateverTheLinesDirectionIs) {
  for (const double turn : {0.0, 0.7, 2.0, 3.5, 5.9}) {
    const auto x = static_cast<float>(std::cos(turn));
    const auto y = static_cast<float>(std::sin(turn));
    LineCounter counter({.start = {200 - 100 * x, 200 - 100 * y}, .end = {200 + 100 * x, 200 + 100 * y}});
    const auto counts = walk(counter, {{200 + 50 * y, 200 - 50 * x}, {200 - 50 * y, 200 + 50 * x}});
    EXPECT_EQ(std::pair(counts.forward, counts.backward), std::pair(std::int64_t{1}, std::int64_t{0}))
        << turn;
  }
}

TEST(LineCounter, KeepsSourcesApart) {
  LineCounter counter({.start = {0, 100}, .end = {200, 100}});
  static_cast<void>(counter.update(at(50, 50), 0, 0));
  EXPECT_EQ(counter.update(at(50, 150), 0.1, 1).forward, 0);
  EXPECT_EQ(counter.update(at(50, 150), 0.1, 0).forward, 1);
}

TEST(LineCounter, AWayThroughTheMarginInSmallStepsIsOneCrossing) {
  LineCounter counter({.start = {0, 100}, .end = {200, 100}, .margin = 20});
  std::vector<std::pair<float, float>> places;
  for (int i = 0; i <= 60; ++i) places.emplace_back(50.0F, 70.0F + static_cast<float>(i));
  EXPECT_EQ(walk(counter, places).forward, 1);
}

TEST(LineCounter, AMovedLineContinuesToCountAndTheMoveIsNotACrossing) {
  LineCounter counter({.start = {0, 100}, .end = {200, 100}});
  EXPECT_EQ(walk(counter, {{50, 50}, {50, 150}}).forward, 1);
  counter.set_line({0, 300}, {200, 300});  // the object is now on its other side
  auto counts = counter.update(at(50, 160), 1);
  EXPECT_EQ(std::pair(counts.forward, counts.backward), std::pair(std::int64_t{1}, std::int64_t{0}));
  EXPECT_FLOAT_EQ(counts.start.y, 300);
  counts = counter.update(at(50, 350), 1.1);
  EXPECT_EQ(counts.forward, 2);
  EXPECT_THROW(counter.set_line({1, 1}, {1, 1}), OptionError);
  EXPECT_EQ(counter.update(at(50, 250), 1.2).backward, 1);  // across the previous line, which is still in use
}

TEST(LineCounter, InvalidPositionsAreIgnored) {
  LineCounter counter({.start = {0, 100}, .end = {200, 100}});
  const auto counts = walk(counter, {{50, 50}, {kNan, 150}, {50, kInfinity}, {60, 150}});
  EXPECT_EQ(counts.forward, 1);
  EXPECT_THROW(static_cast<void>(counter.update(at(1, 1), std::nan(""))), Error);
  EXPECT_THROW(static_cast<void>(counter.update(Circles{{{1, 2, 3, 1}}, {}}, 1)), Error);
}

std::vector<NamedZone> zone(std::vector<Point> corners, std::optional<float> margin = {}) {
  return {{"till", {.corners = std::move(corners), .margin = margin}}};
}

ZoneCounts only(const Zones& counts) {
  return counts.zones.at(0).second;
}

TEST(ZoneCounter, AMovedZoneGoesOnCountingAndByTheMoveNothingEntersOrLeaves) {
  const auto square = [](float left) {
    return std::vector<Point>{{left, 0}, {left + 100, 0}, {left + 100, 100}, {left, 100}};
  };
  const auto both = [](float x, float y, float other_x) {
    return Circles{.circles = {{x, y, 10, 1}, {other_x, y, 10, 1}}, .ids = {1, 2}, .tracked = true};
  };
  const auto balance = [](const ZoneCounts& counts) {
    return counts.entered + counts.appeared - counts.left - counts.lost -
           static_cast<std::int64_t>(counts.inside.size());
  };
  ZoneCounter counter(zone(square(0)));
  static_cast<void>(counter.update(both(-50, 50, 250), 0));
  auto counts = only(counter.update(both(50, 50, 250), 0.1));
  EXPECT_EQ(counts.entered, 1);
  EXPECT_EQ(counts.inside, std::vector<std::int64_t>{1});
  counter.set_zones(zone(square(200)));  // the other object is inside now
  counts = only(counter.update(both(50, 50, 250), 0.2));
  EXPECT_EQ(std::pair(counts.entered, counts.left), std::pair(std::int64_t{1}, std::int64_t{0}));
  EXPECT_EQ(std::pair(counts.appeared, counts.lost), std::pair(std::int64_t{1}, std::int64_t{1}));
  EXPECT_EQ(counts.inside, std::vector<std::int64_t>{2});
  ASSERT_EQ(counts.visits.size(), 1U);
  EXPECT_EQ(counts.visits[0].reason, Visit::End::Lost);
  EXPECT_EQ(balance(counts), 0);
  counts = only(counter.update(both(250, 50, 150), 0.3));
  EXPECT_EQ(std::pair(counts.entered, counts.left), std::pair(std::int64_t{2}, std::int64_t{1}));
  EXPECT_EQ(balance(counts), 0);
  EXPECT_THROW(counter.set_zones(zone({{0, 0}, {1, 1}})), OptionError);
  EXPECT_EQ(only(counter.update(both(250, 50, 150), 0.4)).inside, std::vector<std::int64_t>{1});
}

TEST(ZoneCounter, ASlowObjectEntersAndLeavesWhereItCrossesTheBorderNotTheMargin) {
  ZoneCounter counter(zone({{0, 0}, {100, 0}, {100, 100}, {0, 100}}, 20));
  const auto step = [&](int number) {
    return only(counter.update(at(static_cast<float>(2 * number - 41), 50), number));
  };
  ZoneCounts counts;
  for (int number = 0; number <= 60; ++number) {
    counts = step(number);
    if (counts.crossings.empty()) continue;
    EXPECT_EQ(number, 31);  // the first position beyond the margin
    EXPECT_NEAR(counts.crossings[0].pts, 20.5, 1e-9);
    EXPECT_NEAR(counts.crossings[0].point.x, 0, 1e-3);
    EXPECT_NEAR(counts.dwell.at(1), number - 20.5, 1e-9);
  }
  EXPECT_EQ(counts.entered, 1);
  EXPECT_NEAR(counts.dwell.at(1), 60 - 20.5, 1e-9);
  for (int number = 61; counts.visits.empty() && number < 100; ++number) counts = step(number);
  ASSERT_EQ(counts.visits.size(), 1U);
  EXPECT_NEAR(counts.visits[0].first_pts, 20.5, 1e-9);
  EXPECT_NEAR(counts.visits[0].last_pts, 70, 1e-9);  // when it was last seen inside, at x = 99
  EXPECT_NEAR(counts.crossings.back().pts, 70.5, 1e-9);
}

TEST(ZoneCounter, ZonesWhoseNamesStayGoOn) {
  const std::vector<Point> left{{0, 0}, {100, 0}, {100, 100}, {0, 100}};
  const std::vector<Point> right{{100, 0}, {200, 0}, {200, 100}, {100, 100}};
  ZoneCounter zones({{"a", {.corners = left}}, {"b", {.corners = right}}});
  static_cast<void>(zones.update(at(-50, 50), 0));
  static_cast<void>(zones.update(at(50, 50), 0.1));
  zones.set_zones({{"c", {.corners = left}}, {"a", {.corners = right}}});
  const auto counts = zones.update(at(50, 50), 0.2).zones;
  ASSERT_EQ(counts.size(), 2U);
  EXPECT_EQ(counts[0].first, "c");
  EXPECT_EQ(counts[0].second.appeared, 1);
  EXPECT_EQ(counts[1].first, "a");
  EXPECT_EQ(counts[1].second.entered, 1);
  EXPECT_EQ(counts[1].second.lost, 1);
  EXPECT_THROW(zones.set_zones({}), OptionError);
}

TEST(LineCounter, RefusesAnInvalidLine) {
  const auto make = [](Point start, Point end, std::optional<float> margin = {}) {
    const LineCounter counter({.start = start, .end = end, .margin = margin});
  };
  EXPECT_THROW(make({1, 1}, {1, 1}), OptionError);
  EXPECT_THROW(make({kNan, 1}, {9, 9}), OptionError);
  EXPECT_THROW(make({0, 0}, {kInfinity, 9}), OptionError);
  EXPECT_THROW(make({0, 0}, {9, 9}, -1.0F), OptionError);
  EXPECT_THROW(make({0, 0}, {9, 9}, kNan), OptionError);
}

TEST(LineCounter, RefusesSharesOfThePictureButNoLineOfWholePixels) {
  const auto make = [](Point start, Point end) { const LineCounter counter({.start = start, .end = end}); };
  EXPECT_THROW(make({0, 0.5F}, {1, 0.5F}), OptionError);
  EXPECT_THROW(make({0.1F, 0}, {0.9F, 1}), OptionError);
  make({0, 0}, {1, 0});
  make({0, 0.5F}, {1.5F, 0.5F});
  make({0.5F, -0.5F}, {0.5F, 1});
}

TEST(LineCounts, TakesOverTheCrossingsOfOlderCountsInTheirOrder) {
  LineCounts first;
  first.crossings = {{.id = 1}, {.id = 2}};
  LineCounts second;
  second.crossings = {{.id = 3}};
  LineCounts newest;
  newest.forward = 7;
  const LineCounts* const older[] = {&first, &second};
  EXPECT_FALSE(newest.has_events());
  newest.absorb(older);
  EXPECT_TRUE(newest.has_events());
  ASSERT_EQ(newest.crossings.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(newest.crossings[i].id, static_cast<std::int64_t>(i) + 1);
  EXPECT_EQ(newest.forward, 7);
}

TEST(LineCounter, ForgetsObjectsThatLeftLongAgo) {
  LineCounter counter({.start = {0, 100}, .end = {200, 100}});
  for (int i = 0; i < 5000; ++i) static_cast<void>(counter.update(at(50, 50, i + 1), i));
  EXPECT_EQ(counter.update(at(50, 150, 1), 5000).forward, 0);
  EXPECT_EQ(counter.update(at(50, 150, 5000), 5001).forward, 1);
}

NamedZone square(double max_gap) {
  return {"all", {.corners = {{0, 0}, {100, 0}, {100, 100}, {0, 100}}, .max_gap = max_gap}};
}

TEST(ZoneCounter, AStepBackEndsAllVisitsAtEveryTimeOfAClock) {
  for (const double begin : {0.0, 1e5, 1.76e9, 9.9e10}) {
    ZoneCounter counter({square(1e6)});
    for (int k = 0; k < 5; ++k) static_cast<void>(counter.update(at(50, 50), begin + k));
    const Circles none{.circles = {}, .ids = {}, .tracked = true};
    const auto counts = counter.update(none, begin).zones.front().second;
    EXPECT_TRUE(counts.inside.empty()) << begin;
    EXPECT_EQ(counts.lost, 1) << begin;
    EXPECT_EQ(counts.visits.size(), 1U) << begin;
  }
}

TEST(ZoneCounter, AZoneThatGetsALongerGapRemembersItsObjectsForThat) {
  constexpr int kMoreThanAreRemembered = 1500;
  ZoneCounter counter({square(1)});
  static_cast<void>(counter.update(at(50, 50), 0));
  counter.set_zones({square(1e5)});
  for (int k = 1; k < kMoreThanAreRemembered; ++k) {
    const auto counts = counter.update(at(500, 500, 1000 + k), 0.5 + k).zones.front().second;
    EXPECT_EQ(counts.inside.size(), 1U) << k;
  }
}

TEST(Counters, RefuseTimesOfNoClockAndStayAsTheyWere) {
  ZoneCounter zones({square(1)});
  LineCounter line({.start = {0, 100}, .end = {200, 100}});
  BoxTracker tracker;
  static_cast<void>(zones.update(at(50, 50), 1));
  for (const double pts : {1.76e12, 1.76e18, -1e300, std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    EXPECT_THROW(static_cast<void>(zones.update(at(50, 50), pts)), Error) << pts;
    EXPECT_THROW(static_cast<void>(line.update(at(50, 50), pts)), Error) << pts;
    EXPECT_THROW(static_cast<void>(tracker.update(Detections{}, pts)), Error) << pts;
  }
  EXPECT_EQ(zones.update(at(50, 50), 1.5).zones.front().second.inside.size(), 1U);
}

TEST(ZoneCounter, CornersMayBeInEitherOrderAndTheZoneHollow) {
  std::vector<Point> corners = {{0, 0}, {100, 0}, {100, 100}, {50, 30}, {0, 100}};
  for (int i = 0; i < 2; ++i) {
    ZoneCounter counter(zone(corners, 1));
    auto counts = only(walk(counter, {{50, 90}, {50, 10}}));
    EXPECT_EQ(counts.entered, 1);
    EXPECT_EQ(counts.inside, std::vector<std::int64_t>{1});
    counts = only(walk(counter, {{15, 60}, {85, 60}}));  // out of one arm of the zone and into the other
    EXPECT_EQ(std::pair(counts.entered, counts.left), std::pair(std::int64_t{2}, std::int64_t{1}));
    std::reverse(corners.begin(), corners.end());
  }
}

TEST(ZoneCounter, RefusesInvalidZones) {
  const auto make = [](std::vector<Point> corners) { const ZoneCounter counter(zone(std::move(corners))); };
  EXPECT_THROW(make({}), OptionError);
  EXPECT_THROW(make({{0, 0}, {9, 9}, {0, 9}, {9, 0}}), OptionError);
  EXPECT_THROW(make({{0, 0}, {9, 0}, {kNan, 9}}), OptionError);
  EXPECT_THROW(make(std::vector<Point>(1001)), OptionError);
  EXPECT_THROW(make({{0, 0}, {9, 0}, {0, 9}, {9, 0}, {9, 9}}), OptionError);  // a duplicate corner
  EXPECT_THROW(make({{0.1F, 0.1F}, {0.9F, 0.1F}, {0.9F, 0.9F}}), OptionError);
  make({{0, 0}, {9, 0}, {9, 9}});
}

TEST(BoxTracker, KeepsNamesAndRowsAndOneSetOfTracksPerSource) {
  struct Columns final : FurtherColumns {};
  BoxTracker tracker;
  Detections found{
      .boxes = {{0, 0, 9, 9, 0.2F, 0}, {10, 10, 50, 90, 0.9F, 1}},
      .names = std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"a", "b"}),
      .further = std::make_shared<const Columns>()};
  auto tracked = tracker.update(found, 0);
  ASSERT_EQ(tracked.boxes.size(), 1U);
  EXPECT_EQ(tracked.names, found.names);
  EXPECT_EQ(tracked.further, found.further);
  EXPECT_EQ(tracked.rows, std::vector<std::int64_t>{1});
  EXPECT_TRUE(tracked.tracked);
  EXPECT_EQ(class_name(tracked.names, tracked.boxes[0].class_id), "b");
  EXPECT_EQ(class_name(tracked.names, 2), "2");
  found.rows = {7, 4};
  tracked = tracker.update(found, 0.1, 1);
  EXPECT_EQ(tracked.ids, std::vector<std::int64_t>{1});
  EXPECT_EQ(tracked.rows, std::vector<std::int64_t>{4});
}

}  // namespace
}  // namespace freshframe
