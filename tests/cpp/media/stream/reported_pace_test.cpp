// The pace of timestamps according to sender reports, some of which are unreliable.
// SPDX-License-Identifier: Apache-2.0
#include "media/stream/reported_pace.hpp"

#include <functional>

#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using media::ReportedPace;

constexpr double kTolerance = 0.02;

/// Adds `count` reports of a camera whose timestamps run at `pace`. `wall` and `late` are added to the true wall time
/// and to the arrival of each report.
ReportedPace reported(
    double pace, int count, double every = 5,
    const std::function<double(int)>& wall = [](int) { return 0.0; },
    const std::function<double(int)>& late = [](int) { return 0.0; }) {
  ReportedPace reports;
  for (int n = 0; n < count; ++n) {
    const double time = n * every;
    reports.add({.arrived = 100 + time + late(n), .wall = 1e9 + time + wall(n), .time = 50 + pace * time});
  }
  return reports;
}

TEST(ReportedPace, NeedsThreeReportsOverFourSeconds) {
  EXPECT_FALSE(reported(0.8, 0).pace());
  EXPECT_FALSE(reported(0.8, 2).pace());
  EXPECT_FALSE(reported(0.8, 3, 1.5).pace());
  EXPECT_FALSE(reported(0.8, 2).find_agreement(kTolerance));
  EXPECT_NEAR(reported(0.8, 3).pace().value(), 0.8, 1e-6);
  EXPECT_NEAR(reported(1, 5, 1).pace().value(), 1, 1e-6);
  EXPECT_NEAR(reported(1.25, 3).find_agreement(kTolerance)->pace, 1.25, 1e-6);
}

TEST(ReportedPace, IsOfReportsASecondApartHoweverManyThereAre) {
  EXPECT_NEAR(reported(0.8, 200, 0.05).pace().value(), 0.8, 1e-6);
}

TEST(ReportedPace, IsNotThatOfWallTimesFromTheTimestamps) {
  EXPECT_FALSE(reported(0.8, 8, 5, [](int n) { return -0.2 * 5 * n; }).pace());
}

TEST(ReportedPace, IsNotThatOfReportsThatWaitInAFullLink) {
  EXPECT_FALSE(reported(1, 8, 5, [](int) { return 0.0; }, [](int n) { return 0.25 * 5 * n; }).pace());
}

TEST(ReportedPace, LeavesOutAStepInWhichTheClockWasSet) {
  const auto set = [](int n) { return n < 3 ? 3600.0 : 0.0; };
  const auto reports = reported(0.8, 6, 5, set);
  EXPECT_NEAR(reports.pace().value(), 0.8, 1e-6);
  const auto agreed = reports.find_agreement(kTolerance);
  ASSERT_TRUE(agreed);
  EXPECT_EQ(agreed->reports.size(), 3U) << "the ones after it";
  EXPECT_FALSE(reported(0.8, 4, 5, set).find_agreement(kTolerance));
  EXPECT_FALSE(reported(0.8, 4, 5, set).pace()) << "the last step must be usable";
}

TEST(ReportedPace, OfTheNewestReportsIsFoundAfterAChange) {
  ReportedPace reports;
  for (int n = 0; n < 8; ++n) {
    const double time = 5.0 * n;
    const double stamp = n < 5 ? time : 20 + 0.8 * (time - 20);
    reports.add({.arrived = time, .wall = 1e9 + time, .time = stamp});
  }
  EXPECT_NEAR(reports.find_agreement(kTolerance)->pace, 0.8, 1e-6);
  EXPECT_EQ(reports.find_agreement(kTolerance)->reports.size(), 4U);
}

TEST(ReportedPace, IsNotFoundInNoise) {
  const auto noise = [](int n) { return n % 2 == 0 ? 0.04 : 0.0; };
  EXPECT_FALSE(reported(1, 8, 5, noise).find_agreement(kTolerance));
}

}  // namespace
}  // namespace freshframe::test
