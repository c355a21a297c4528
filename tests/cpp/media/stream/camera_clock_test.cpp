// A camera's clock, with simulated sender reports: drift, noise, incorrect reports, clocks that are set.
// SPDX-License-Identifier: Apache-2.0
#include "media/stream/camera_clock.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

constexpr double kUnix = 1'700'000'000;
constexpr double kInterval = 1.0 / 30;
constexpr double kStreamWrap = 4294967296.0 / 90000;

// A camera with a clock that drifts and is set once.
struct Camera {
  double drift = 0;
  double noise = 0;  // standard deviation of a report, in seconds
  double set_at = 1e9;
  double set_by = 0;

  [[nodiscard]] double utc(double time) const {
    return kUnix + time * (1 + drift) + (time >= set_at ? set_by : 0.0);
  }
};

struct ClockSeen {
  std::vector<double> errors;  // signed error of each frame after the first report
  std::vector<double> bounds;  // the error bounds that the clock returned for them
  std::vector<double> steps;
  std::optional<double> followed;  // seconds after the clock was set until it was within 20 ms
  double least_advance = 1;        // smallest increase of utc from frame to frame
};

// Simulates frames with a report every 2.5 to 7.5 s. The reports with the numbers in `bad` are half a second off.
ClockSeen follow(const Camera& camera, CameraClock& clock, double seconds, const std::vector<int>& bad = {},
                 unsigned seed = 1) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> pause(2.5, 7.5);
  std::normal_distribution<double> noise(0, std::max(camera.noise, 1e-12));
  ClockSeen seen;
  int number = 0;
  double next = 0.5;
  std::optional<double> last;
  const auto looks = static_cast<int>(std::ceil(seconds / kInterval));
  for (int look = 0; look < looks; ++look) {
    const double time = look * kInterval;
    if (time >= next) {
      const bool is_bad = std::ranges::find(bad, number++) != bad.end();
      const auto step =
          clock.add({time, camera.utc(time) + noise(random) + (is_bad ? 0.5 : 0)}, camera.utc(time));
      if (step) seen.steps.push_back(*step);
      next = time + pause(random);
    }
    const auto utc = clock.at(time);
    if (!utc) continue;
    EXPECT_EQ(utc->from, UtcFrom::Camera);
    const double error = utc->seconds - camera.utc(time);
    seen.errors.push_back(error);
    seen.bounds.push_back(utc->error);
    if (last) seen.least_advance = std::min(seen.least_advance, utc->seconds - *last);
    last = utc->seconds;
    if (time >= camera.set_at && !seen.followed && std::abs(error) < 0.02)
      seen.followed = time - camera.set_at;
  }
  return seen;
}

double quantile(const std::vector<double>& values, double q) {
  std::vector<double> sorted;
  for (const double value : values) sorted.push_back(std::abs(value));
  std::ranges::sort(sorted);
  return sorted.at(static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1)));
}

TEST(CameraClock, HasNoTimeBeforeTheFirstReport) {
  CameraClock clock;
  EXPECT_FALSE(clock.at(0));
  EXPECT_FALSE(clock.state());
  EXPECT_FALSE(clock.add({10, kUnix}, kUnix));
  ASSERT_TRUE(clock.at(9));
  EXPECT_DOUBLE_EQ(clock.at(9)->seconds, kUnix - 1);  // even for frames before the report
  EXPECT_EQ(clock.state()->reports, 1U);
}

TEST(CameraClock, AveragesTheNoiseOfReportsAndFollowsTheDrift) {
  for (const double drift : {0.0, 20e-6, 200e-6, -200e-6}) {
    for (const double noise : {0.0001, 0.001, 0.005}) {
      double p99 = 0;
      constexpr int kRuns = 10;
      for (unsigned seed = 1; seed <= kRuns; ++seed) {
        CameraClock clock;
        auto seen = follow({.drift = drift, .noise = noise}, clock, 600, {}, seed);
        EXPECT_TRUE(seen.steps.empty());
        EXPECT_GT(seen.least_advance, 0) << "utc goes back";
        seen.errors.erase(seen.errors.begin(), seen.errors.begin() + static_cast<int>(60 / kInterval));
        p99 += quantile(seen.errors, 0.99) / kRuns;
        EXPECT_NEAR(clock.state()->drift, drift, 30e-6 + noise / 10);
      }
      EXPECT_LE(p99, 2 * noise) << "drift " << drift << ", noise " << noise;  // last report alone: 2.6
    }
  }
}

TEST(CameraClock, ReportsThatTurnTheLineBackDoNotTurnTheTimesOfPicturesBack) {
  for (const double noise : {0.004, 0.008}) {
    for (unsigned seed = 1; seed <= 30; ++seed) {
      std::mt19937_64 random(seed);
      std::uniform_real_distribution<double> off(-noise, noise);
      CameraClock clock;
      double last = 0;
      for (int look = 0; look < 60 * 120; ++look) {  // a minute at 120 fps
        const double time = look / 120.0;
        if (look % 300 == 120) {
          EXPECT_FALSE(clock.add({time, kUnix + time + off(random)}, kUnix + time));
        }
        const auto utc = clock.at(time);
        if (!utc) continue;
        ASSERT_GE(utc->seconds, last) << "noise " << noise << ", seed " << seed;
        EXPECT_LE(std::abs(utc->seconds - kUnix - time), utc->error + noise);
        last = utc->seconds;
      }
    }
  }
}

TEST(CameraClock, ALineThatBeginsAgainWithReportsThatDoNotAgreeIsAStep) {
  CameraClock clock;
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(clock.add({5.0 * i, kUnix + 5.0 * i}, kUnix + 5.0 * i));
  const double before = clock.at(50)->seconds;
  std::vector<double> steps;
  for (const double off : {-1.0, -1.2, -1.5, -1.9, -2.4}) {
    const double time = 50 + static_cast<double>(steps.size()) - off / 1000;
    if (const auto step = clock.add({time, kUnix + time + off}, kUnix + time)) steps.push_back(*step);
  }
  const double moved = clock.at(50)->seconds - before;
  EXPECT_TRUE(moved == 0 || (steps.size() == 1 && std::abs(moved - steps[0]) < 0.2)) << moved;
}

TEST(CameraClock, ItsErrorIsABoundOfTheTrueOne) {
  std::size_t outside = 0;
  std::size_t all = 0;
  for (unsigned seed = 1; seed <= 20; ++seed) {
    CameraClock clock;
    const auto seen = follow({.drift = 50e-6, .noise = 0.001}, clock, 300, {}, seed);
    for (std::size_t i = 0; i < seen.errors.size(); ++i) {
      if (std::abs(seen.errors[i]) > seen.bounds[i]) ++outside;
    }
    all += seen.errors.size();
    EXPECT_LE(seen.bounds.back(), 0.01);
  }
  EXPECT_LE(static_cast<double>(outside), 0.01 * static_cast<double>(all));
}

/// Returns the fraction of cameras whose true error is within the bound, `silence` seconds after the last report.
double share_within_bound(double noise, int reports, double silence) {
  constexpr unsigned kCameras = 400;
  int within = 0;
  for (unsigned seed = 1; seed <= kCameras; ++seed) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> pause(2.5, 7.5);
    std::uniform_real_distribution<double> drift(-100e-6, 100e-6);
    std::normal_distribution<double> off;
    const Camera camera{.drift = drift(random)};
    CameraClock clock;
    double time = 0;
    for (int i = 0; i < reports; ++i) {
      time += pause(random);
      EXPECT_FALSE(clock.add({time, camera.utc(time) + noise * off(random)}, camera.utc(time)));
    }
    const auto utc = clock.at(time + silence);
    if (utc && std::abs(utc->seconds - camera.utc(time + silence)) <= utc->error) ++within;
  }
  return static_cast<double>(within) / kCameras;
}

TEST(CameraClock, ItsErrorIsABoundWhileTheReportsStayAway) {
  for (const double noise : {0.0001, 0.001, 0.003}) {
    for (const int reports : {3, 4, 6, 12}) {
      for (const double silence : {60.0, 300.0}) {
        EXPECT_GE(share_within_bound(noise, reports, silence), 0.93)
            << noise << " s, " << reports << " reports, " << silence << " s of silence";
      }
    }
  }
}

TEST(CameraClock, OneReportThatIsWrongChangesNothing) {
  CameraClock clock;
  const auto seen = follow({.drift = 20e-6, .noise = 0.0005}, clock, 300, {20, 25, 40});
  EXPECT_TRUE(seen.steps.empty());
  EXPECT_LE(quantile(seen.errors, 1), 0.005);
  EXPECT_LE(clock.state()->residual, 0.005);
}

TEST(CameraClock, AClockThatIsSetIsFollowedWithTheSecondReportAndIsAnEvent) {
  for (const double by : {10.0, -3612.0, 0.1, -0.05}) {
    CameraClock clock;
    const auto seen = follow({.drift = 20e-6, .noise = 0.0005, .set_at = 300, .set_by = by}, clock, 600);
    ASSERT_EQ(seen.steps.size(), 1U) << by;
    EXPECT_NEAR(seen.steps.front(), by, 0.005);
    ASSERT_TRUE(seen.followed);
    EXPECT_LE(*seen.followed, 15);  // two intervals between reports
    EXPECT_EQ(seen.least_advance < 0, by < 0) << "utc goes back only if the clock was set back";
  }
}

TEST(CameraClock, AFirstReportThatIsWrongIsCorrectedByTheNextTwo) {
  CameraClock clock;
  const auto seen = follow({.noise = 0.0005}, clock, 120, {0});
  ASSERT_EQ(seen.steps.size(), 1U);
  EXPECT_NEAR(seen.steps.front(), -0.5, 0.005);
  EXPECT_LE(std::abs(seen.errors.back()), 0.002);
}

TEST(CameraClock, ReportsThatAreAllInexactAreUsedAllTheSame) {
  CameraClock clock;
  const auto seen = follow({.noise = 0.2}, clock, 600);
  EXPECT_GE(clock.state()->reports, 5U);
  EXPECT_LE(std::abs(seen.errors.back()), 0.4);
  EXPECT_GE(seen.bounds.back(), 0.1) << "the bound contains the unknown part";
}

TEST(CameraClock, WholeWrapsOfTheStreamsTimeAreTakenOut) {
  CameraClock clock(kStreamWrap);
  for (int i = 0; i < 10; ++i) {
    const double wrong = i == 6 || i == 7 ? kStreamWrap : i == 8 ? -2 * kStreamWrap : 0;
    EXPECT_FALSE(clock.add({5.0 * i, kUnix + 5.0 * i + wrong}, kUnix + 5.0 * i));
  }
  EXPECT_NEAR(clock.at(50)->seconds, kUnix + 50, 1e-5);
  EXPECT_EQ(clock.state()->reports, 10U);
}

TEST(CameraClock, AWrapIsTakenOutWhateverTheDriftOfHalfADayWas) {
  for (const double drift : {0.0, 22e-6, 50e-6, -200e-6}) {
    CameraClock clock(kStreamWrap);
    const auto utc = [&](double time) { return kUnix + time * (1 + drift); };
    double time = 0;
    while (time < kStreamWrap) {
      ASSERT_FALSE(clock.add({time, utc(time)}, kUnix + time));
      time += 5;
    }
    for (const double later : {0.0, 5.0, 10.0}) {  // until the next report that FFmpeg has used
      const double wrong = later < 10 ? kStreamWrap : 0.0;
      EXPECT_FALSE(clock.add({time + later, utc(time + later) + wrong}, kUnix + time)) << drift;
      EXPECT_NEAR(clock.at(time + later)->seconds, utc(time + later), 0.001) << drift;
    }
  }
}

// Simulates a report every 5 s, of which the first is off by `wrong`. The camera is `ahead` of this machine's clock.
std::vector<std::optional<double>> errors_of_first_reports(double wrong, double ahead) {
  CameraClock clock(kStreamWrap);
  std::vector<std::optional<double>> errors;
  for (int i = 0; i < 5; ++i) {
    const double time = 5.0 * i;
    const double utc = kUnix + ahead + time;
    EXPECT_FALSE(clock.add({time, utc + (i == 0 ? wrong : 0)}, kUnix + time + 0.1)) << "no step";
    const auto found = clock.at(time + 1);
    EXPECT_EQ(clock.state().has_value(), found.has_value());
    errors.push_back(found ? std::optional(std::round((found->seconds - utc - 1) * 1e3) / 1e3)
                           : std::nullopt);
  }
  return errors;
}

TEST(CameraClock, AFirstReportThatIsWrongByAWrapGivesNoTime) {
  const std::vector<std::optional<double>> later = {std::nullopt, 0, 0, 0, 0};
  for (const double wrong : {-kStreamWrap, kStreamWrap}) {
    EXPECT_EQ(errors_of_first_reports(wrong, 0), later) << wrong;
    EXPECT_EQ(errors_of_first_reports(wrong, 3612), later) << wrong;
  }
}

TEST(CameraClock, ACameraThatIsReallyFarOffIsBelievedWithTheSecondReport) {
  EXPECT_EQ(errors_of_first_reports(0, 3612), (std::vector<std::optional<double>>{0, 0, 0, 0, 0}));
  for (const double ahead : {-8 * 3600.0, -kStreamWrap, 1e9}) {
    const auto errors = errors_of_first_reports(0, ahead);
    EXPECT_EQ(errors, (std::vector<std::optional<double>>{std::nullopt, 0, 0, 0, 0})) << ahead;
  }
}

TEST(CameraClock, ThatIsSetAfterAWrapKeepsNoneOfIt) {
  CameraClock clock(kStreamWrap);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(clock.add({5.0 * i, kUnix + 5.0 * i}, kUnix + 5.0 * i));
  constexpr double kSet = 0.5;
  EXPECT_FALSE(clock.add({15, kUnix + 15 + kSet - kStreamWrap}, kUnix + 15));
  EXPECT_NEAR(clock.add({20, kUnix + 20 + kSet}, kUnix + 20).value_or(0), kSet, 1e-3);
  EXPECT_NEAR(clock.at(25)->seconds, kUnix + 25 + kSet, 1e-3);
}

TEST(CameraClock, AnOldReportThatComesAgainIsNotCountedTwice) {
  CameraClock clock;
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(clock.add({1, kUnix}, kUnix));
  EXPECT_EQ(clock.state()->reports, 1U);
}

TEST(CameraClock, KeepsTheReportsOfAMinute) {
  CameraClock clock;
  for (int i = 0; i < 300; ++i) EXPECT_FALSE(clock.add({static_cast<double>(i), kUnix + i}, kUnix + i));
  EXPECT_EQ(clock.state()->reports, 61U);
  clock.restart();
  EXPECT_FALSE(clock.at(300));
}

}  // namespace
}  // namespace freshframe::test
