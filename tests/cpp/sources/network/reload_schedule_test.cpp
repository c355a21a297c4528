// When a playlist is asked for, on simulated servers.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "sources/network/input/live_playlists.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using media::ReloadSchedule;

constexpr double kReply = 0.01;  // seconds from a request to its response

TimePoint moment_at(double seconds) {
  return TimePoint{} + to_duration(Seconds(1e5 + seconds));
}

double seconds_of(TimePoint time) {
  return Seconds(time - moment_at(0)).count();
}

/// The requests of a reader.
struct Reading {
  std::vector<double> late;   // seconds from when a segment became available until the response that lists it
  std::vector<double> asked;  // times of the requests
};

Reading read_of(const std::function<double(std::int64_t)>& ready, double segment, double join, double until) {
  ReloadSchedule schedule;
  Reading reading;
  std::int64_t newest = 0;
  double now = join;
  while (now < until) {
    const double asked = now;
    now += kReply;
    while (ready(newest + 1) <= now) ++newest;
    reading.asked.push_back(asked);
    if (schedule.note({moment_at(asked), moment_at(now), newest, segment}))
      reading.late.push_back(now - ready(newest));
    now = std::max(now, seconds_of(schedule.next()));
  }
  return reading;
}

double mean_from(const std::vector<double>& values, std::size_t from) {
  double sum = 0;
  for (std::size_t i = from; i < values.size(); ++i) sum += values[i];
  return sum / static_cast<double>(values.size() - from);
}

std::ptrdiff_t requests_between(const Reading& reading, double from, double to) {
  return std::ranges::count_if(reading.asked, [&](double at) { return at >= from && at < to; });
}

TEST(ReloadSchedule, FindsTheMomentsOfNewSegmentsWhereverItJoins) {
  for (const double segment : {1.0, 2.0, 6.0}) {
    for (int tenth = 0; tenth < 10; ++tenth) {
      const double part = 0.05 + tenth / 10.0;
      const double join = segment * (100 + part);
      const auto reading = read_of([&](std::int64_t n) { return segment * static_cast<double>(n); }, segment,
                                   join, join + 40 * segment);
      EXPECT_LE(reading.late.at(1), segment / 4) << segment << " s, joined at " << part;
      EXPECT_LE(mean_from(reading.late, 5), 0.06 + segment / 40) << segment << " s, joined at " << part;
      EXPECT_LE(requests_between(reading, join, join + segment), 9);
      EXPECT_LE(requests_between(reading, join + 10 * segment, join + 40 * segment), 45);
    }
  }
}

TEST(ReloadSchedule, KeepsTheMomentsAfterAServerHasHung) {
  const auto ready = [](std::int64_t n) {
    const double regular = 2.0 * static_cast<double>(n);
    return regular > 240.3 && regular < 244.8 ? 244.8 : regular;
  };
  const auto reading = read_of(ready, 2, 201.1, 280);
  EXPECT_LE(mean_from(reading.late, 5), 0.3);
  EXPECT_LE(reading.late.back(), 0.12);
}

TEST(ReloadSchedule, FollowsAServerThatBecomesLaterAndEarlier) {
  for (const double shift : {0.7, -0.7}) {
    const auto ready = [&](std::int64_t n) { return 2.0 * static_cast<double>(n) + (n > 120 ? shift : 0.0); };
    const auto reading = read_of(ready, 2, 201.1, 320);
    EXPECT_LE(mean_from(reading.late, reading.late.size() - 8), 0.15) << shift;
  }
}

TEST(ReloadSchedule, AsksADeadServerEachHalfSegment) {
  const auto reading =
      read_of([](std::int64_t n) { return n <= 105 ? 2.0 * static_cast<double>(n) : 1e9; }, 2, 201.1, 400);
  EXPECT_NEAR(static_cast<double>(requests_between(reading, 300, 400)), 100, 5);
}

TEST(ReloadSchedule, BeginsAnewWhenNumbersGoBack) {
  ReloadSchedule schedule;
  EXPECT_TRUE(schedule.note({moment_at(0), moment_at(0), 70, 2}));
  EXPECT_FALSE(schedule.note({moment_at(1), moment_at(1), 70, 2}));
  EXPECT_TRUE(schedule.note({moment_at(2), moment_at(2), 3, 2}));
  EXPECT_NEAR(seconds_of(schedule.next()), 2.25, 1e-6);
  EXPECT_TRUE(schedule.note({moment_at(3), moment_at(3), 4, 0})) << "the length is that of before";
  EXPECT_GT(schedule.next(), moment_at(3));
}

TEST(ReloadSchedule, RetriesHalfASegmentAfterAnInvalidResponse) {
  ReloadSchedule schedule;
  EXPECT_TRUE(schedule.note({moment_at(0), moment_at(0), 70, 2}));
  schedule.note_failure(moment_at(5));
  EXPECT_NEAR(seconds_of(schedule.next()), 6, 1e-6);
}

}  // namespace
}  // namespace freshframe::test
