// The line of arrivals without delay, for live streams on simulated networks.
// SPDX-License-Identifier: Apache-2.0
#include "sources/live/arrival_line.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using media::ArrivalLine;

constexpr double kRate = 25;  // frames per second

TimePoint moment(double seconds) {
  return TimePoint{} + to_duration(Seconds(1e5 + seconds));
}

/// Each test also runs with frame sizes of a link that is not full, which must not change any age.
class ArrivalLineTest : public testing::TestWithParam<bool> {
 protected:
  TimePoint place(ArrivalLine& line, double pts, TimePoint arrived) {
    constexpr int kGroup = 25;  // frames with one keyframe
    ++count_;
    if (!GetParam()) return line.place(pts, arrived);
    return line.place(pts, arrived, {.size = count_ % kGroup == 1 ? 40'000U : 4'000U, .ended = arrived});
  }

  [[nodiscard]] auto placing(ArrivalLine& line) {
    return [this, &line](double pts, TimePoint arrived) { return place(line, pts, arrived); };
  }

 private:
  int count_ = 0;
};

INSTANTIATE_TEST_SUITE_P(WithSizes, ArrivalLineTest, testing::Bool());

/// A camera and its network. `held(t)`: seconds by which a frame that is sent at t is delayed.
struct Road {
  double ppm = 0;     // how fast the camera's clock is
  double jitter = 0;  // mean, in seconds
  std::function<double(double)> held = [](double) { return 0.0; };
};

struct Claim {
  double sent = 0;     // seconds
  double arrived = 0;  // seconds
  double placed = 0;   // seconds
};

using Place = std::function<TimePoint(double pts, TimePoint arrived)>;

/// Simulates frames that arrive in order, as over TCP. Returns a claim for each of them.
std::vector<Claim> drive(const Place& place, const Road& road, double seconds) {
  std::mt19937 random(0);  // NOLINT(bugprone-random-generator-seed): the same in each run
  std::exponential_distribution<double> jitter(1 / std::max(road.jitter, 1e-9));
  std::vector<Claim> claims;
  double before = 0;
  for (int n = 0; n < static_cast<int>(seconds * kRate); ++n) {
    const double sent = n / kRate;
    before = std::max(before, sent + jitter(random) + road.held(sent));
    const auto placed = place(7000 + sent * (1 + road.ppm * 1e-6), moment(before));
    claims.push_back({sent, before, Seconds(placed - moment(0)).count()});
  }
  return claims;
}

/// Returns the errors of the claimed ages in ascending order, without the first `skipped` seconds.
std::vector<double> errors_of(const std::vector<Claim>& claims, double skipped) {
  std::vector<double> errors;
  for (const auto& claim : claims) {
    if (claim.sent >= skipped) errors.push_back(claim.sent - claim.placed);
  }
  std::sort(errors.begin(), errors.end());
  return errors;
}

double share(const std::vector<double>& sorted, double part) {
  return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

// A backlog of 3 s that lasts for 90 s, and later one of 0.4 s that remains.
double backlogs(double sent) {
  if (sent > 900) return 0.4;
  return sent > 600 && sent < 690 ? 3.0 : 0.0;
}

TEST_P(ArrivalLineTest, ReportsTheAgeOfDelayedFramesDespiteClockDrift) {
  for (const double ppm : {0.0, 50.0, -50.0, 200.0, -200.0}) {
    for (const double jitter : {0.002, 0.02}) {
      ArrivalLine line;
      const auto claims = drive(placing(line), {.ppm = ppm, .jitter = jitter, .held = backlogs}, 1150);
      for (const auto& claim : claims) ASSERT_LE(claim.placed, claim.arrived + 1e-6);
      const auto errors = errors_of(claims, 120);
      EXPECT_GT(share(errors, 0.01), -0.005) << ppm << " ppm, " << jitter;  // by arrival alone: up to 3 s
      EXPECT_LT(share(errors, 0.99), 0.001) << ppm << " ppm, " << jitter;
      EXPECT_NEAR(line.behind().value(), 0.4 + jitter, 0.02) << ppm << " ppm, " << jitter;
    }
  }
}

TEST_P(ArrivalLineTest, APauseOfThisProcessIsAge) {
  ArrivalLine line;
  const auto held = [](double sent) { return sent > 10 && sent < 12 ? 12 - sent : 0.0; };  // all at t = 12
  const auto claims = drive(placing(line), {.held = held}, 13);
  for (const auto& claim : claims) EXPECT_NEAR(claim.placed, claim.sent, 0.002) << claim.sent;
}

TEST_P(ArrivalLineTest, PicturesWithoutDelayHaveArrivedWhenTheyArrived) {
  ArrivalLine line;
  EXPECT_FALSE(line.behind().has_value());
  for (const auto& claim : drive(placing(line), {}, 30)) EXPECT_NEAR(claim.placed, claim.arrived, 1e-6);
  EXPECT_NEAR(line.behind().value(), 0, 1e-6);
}

TEST_P(ArrivalLineTest, BeginsAnewWhereTheTimesOfTheStreamJump) {
  for (const double jump : {3600.0, -20.0, -7000.0}) {
    ArrivalLine line;
    drive(placing(line), {}, 30);
    double last = 0;
    for (int n = 0; n < 50; ++n) {
      const double sent = 30 + n / kRate;
      last = Seconds(place(line, 7000 + sent + jump, moment(sent)) - moment(sent)).count();
      EXPECT_NEAR(last, 0, 1e-6) << jump;
    }
  }
}

TEST_P(ArrivalLineTest, ABurstAtTheBeginningIsForgottenWhenThePicturesCatchUp) {
  ArrivalLine line;
  for (int n = 0; n < 50; ++n) place(line, n / kRate, moment(2));  // two seconds of frames in one burst
  for (int n = 50; n < 500; ++n) {
    const auto placed = place(line, n / kRate, moment(n / kRate));
    EXPECT_NEAR(Seconds(placed - moment(n / kRate)).count(), 0, 1e-3) << n;
  }
}

TEST_P(ArrivalLineTest, AFileThatComesFasterThanItsTimesIsNeverLate) {
  ArrivalLine line;
  for (int n = 0; n < 3000; ++n) {
    const auto arrived = moment(n / kRate / 10);
    EXPECT_NEAR(Seconds(place(line, n / kRate, arrived) - arrived).count(), 0, 1e-6) << n;
  }
}

TEST(ArrivalLine, AClockThatRunsAtHalfSpeedDoesNotMakePicturesOldForEver) {
  ArrivalLine line;
  double oldest = 0;
  double last = 0;
  for (int n = 0; n < 10'000; ++n) {
    const auto arrived = moment(n / kRate);
    last = Seconds(arrived - line.place(n / kRate / 2, arrived)).count();
    oldest = std::max(oldest, last);
  }
  EXPECT_LT(oldest, 31);
  EXPECT_EQ(last, 0);
  EXPECT_FALSE(line.behind().has_value());
  line.restart();
  drive([&](double pts, TimePoint arrived) { return line.place(pts, arrived); }, {}, 1);
  EXPECT_TRUE(line.behind().has_value());
}

TEST_P(ArrivalLineTest, ReorderedPicturesHaveTheirAgeFromTheOnesThatAreSentAhead) {
  ArrivalLine line;
  for (int n = 0; n < 200; ++n) {  // P B P B: a P-frame is sent one interval early
    const double pts = (n % 2 == 0 ? n + 1 : n - 1) / kRate;
    const auto arrived = moment(n / kRate);
    const double age = Seconds(arrived - place(line, pts, arrived)).count();
    if (n < 2) continue;
    EXPECT_NEAR(age, n % 2 == 0 ? 0 : 2 / kRate, 1e-3) << n;
  }
}

}  // namespace
}  // namespace freshframe::test
