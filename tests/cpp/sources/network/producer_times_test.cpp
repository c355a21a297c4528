// Recovers sender reports from the wall-clock times that FFmpeg derives from them.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/input/producer_times.hpp"

#include <cstddef>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

// Returns the reports that are found in a stream of 30 fps whose wall times follow the latest of `reports`. With a
// parser, frame n has the wall time of frame n + 1.
std::vector<CameraClock::Report> found(const std::vector<CameraClock::Report>& reports, bool parser) {
  ProducerTimes times(parser);
  std::vector<CameraClock::Report> out;
  const auto wall_at = [&](double time) {
    std::optional<double> wall;
    for (const auto& report : reports) {
      if (report.time <= time) wall = report.utc + time - report.time;
    }
    return wall;
  };
  for (int n = 0; n < 900; ++n) {
    const double time = n / 30.0;
    if (const auto report = times.add(time, wall_at(parser ? time + 1 / 30.0 : time))) out.push_back(*report);
  }
  return out;
}

TEST(ProducerTimes, AReportIsAChangeOfTheDistanceBetweenTheTwoTimes) {
  const std::vector<CameraClock::Report> reports = {{2, 1002}, {7, 1007.001}, {12, 1012.0005}, {20, 1520}};
  for (const bool parser : {false, true}) {
    const auto seen = found(reports, parser);
    ASSERT_EQ(seen.size(), reports.size()) << parser;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      EXPECT_NEAR(seen[i].time, reports[i].time, 1 / 29.0);
      EXPECT_NEAR(seen[i].utc - seen[i].time, reports[i].utc - reports[i].time, 1e-6) << "by one interval";
    }
  }
}

TEST(ProducerTimes, PacketsWithoutTimesGiveNoReport) {
  ProducerTimes times;
  EXPECT_FALSE(times.add(std::nullopt, 5));
  EXPECT_FALSE(times.add(5, std::nullopt));
  EXPECT_TRUE(times.add(5, 1005));
}

}  // namespace
}  // namespace freshframe::test
