// The pace of a playlist's packets, on simulated servers.
// SPDX-License-Identifier: Apache-2.0
#include "sources/live/edge_pace.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using media::EdgePace;

constexpr double kPaceFps = 30;
constexpr double kSegment = 2;  // seconds

TimePoint instant(double seconds) {
  return TimePoint{} + to_duration(Seconds(1e5 + seconds));
}

struct Shown {
  double at = 0;   // seconds
  double age = 0;  // seconds since its capture
};

/// Simulates segments: one whose last frame was captured at t arrives at t + `late(t)`. The reader joins at `join`, and
/// first receives the last `behind` segments.
std::vector<EdgePace::Timed> arrivals(const std::function<double(double)>& late, double join, int behind,
                                      double seconds) {
  std::vector<EdgePace::Timed> packets;
  const int first = static_cast<int>(join / kSegment) - behind;
  double before = join;
  for (int segment = first; (segment + 1) * kSegment < join + seconds; ++segment) {
    const double end = (segment + 1) * kSegment;
    before = std::max(before, end + late(end));
    for (int n = 0; n < static_cast<int>(kSegment * kPaceFps); ++n) {
      packets.push_back({segment * kSegment + n / kPaceFps, instant(before)});
    }
  }
  return packets;
}

std::vector<Shown> show(const std::vector<EdgePace::Timed>& packets) {
  EdgePace pace;
  std::vector<Shown> shown;
  TimePoint now{};
  std::size_t read = 0;
  for (const auto& packet : packets) {
    now = std::max(now, packet.arrived);
    for (; read < packets.size() && packets[read].arrived <= now; ++read) pace.arrive(packets[read]);
    now = std::max(now, pace.due(packet, now));
    const double at = Seconds(now - instant(0)).count();
    shown.push_back({at, at - packet.time});
  }
  return shown;
}

double oldest_after(const std::vector<Shown>& shown, double from) {
  double age = 0;
  for (const auto& one : shown) {
    if (one.at >= from) age = std::max(age, one.age);
  }
  return age;
}

/// Returns the longest time between two frames.
double longest_gap_after(const std::vector<Shown>& shown, double from) {
  double gap = 0;
  for (std::size_t i = 1; i < shown.size(); ++i) {
    if (shown[i - 1].at >= from) gap = std::max(gap, shown[i].at - shown[i - 1].at);
  }
  return gap;
}

TEST(EdgePace, SpreadsTheBurstsOutAtTheEdge) {
  for (const double join : {100.1, 101.0, 101.9}) {
    const auto shown = show(arrivals([](double /*end*/) { return 0.2; }, join, 1, 60));
    EXPECT_LT(oldest_after(shown, join + 7), kSegment + 0.5) << join;
    EXPECT_LT(longest_gap_after(shown, join + 7), 0.1) << join;
  }
}

/// Simulates a reader that learns when segments become available: only the first one is late.
std::vector<EdgePace::Timed> arrivals_at_once(double join, double seconds) {
  auto packets = arrivals([](double /*end*/) { return 0.05; }, join, 1, seconds);
  std::uint64_t reloads = 0;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    if (i > 0 && packets[i].arrived != packets[i - 1].arrived) ++reloads;
    packets[i].reloads = reloads;
  }
  return packets;
}

TEST(EdgePace, IsAtTheEdgeBehindTheSecondSegment) {
  for (const double join : {100.2, 101.0, 101.7, 101.9}) {
    const auto shown = show(arrivals_at_once(join, 60));
    EXPECT_LT(oldest_after(shown, 102 + 1), kSegment + 0.25) << join;
    EXPECT_LT(longest_gap_after(shown, 102 + 1), 0.1) << join;
  }
}

TEST(EdgePace, ComesToTheEdgeFromThreeSegmentsBack) {
  const auto shown = show(arrivals([](double /*end*/) { return 0.2; }, 101, 3, 60));
  EXPECT_GT(shown.front().age, 3 * kSegment - 1);
  EXPECT_LT(oldest_after(shown, 101 + 7), kSegment + 0.5);
}

TEST(EdgePace, IsBackAtTheEdgeWithinTwoSegmentsAfterAPause) {
  constexpr double kPause = 4.5;
  constexpr double kBegin = 131;
  const auto held = [&](double end) {
    return 0.2 + (end > kBegin && end < kBegin + kPause ? kBegin + kPause - end : 0.0);
  };
  const auto shown = show(arrivals(held, 101, 1, 60));
  EXPECT_GT(oldest_after(shown, kBegin), kPause);
  EXPECT_LT(oldest_after(shown, kBegin + kPause + 2 * kSegment), kSegment + 1.0);
}

TEST(EdgePace, IsBackAtTheEdgeAfterAPauseThatComesBeforeItKnowsTheBursts) {
  const auto held = [](double end) { return 0.2 + (end > 105 && end < 111 ? 111 - end : 0.0); };
  const auto shown = show(arrivals(held, 101, 1, 60));
  EXPECT_LT(oldest_after(shown, 111 + 2 * kSegment), kSegment + 1.0);
  EXPECT_LT(longest_gap_after(shown, 111 + 2 * kSegment), 0.2);
}

TEST(EdgePace, ComesToTheEdgeOfASlowLineThatBringsSegmentsInParts) {
  auto packets = arrivals([](double /*end*/) { return 0.2; }, 101, 1, 60);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    packets[i].arrived += to_duration(Seconds(i % 60 < 30 ? 0.0 : 0.6));  // half of each segment later
  }
  const auto shown = show(packets);
  EXPECT_LT(oldest_after(shown, 125), kSegment + 1.2);
  EXPECT_LT(longest_gap_after(shown, 125), 0.2);
}

TEST(EdgePace, KeepsWhatUnevenBurstsNeed) {
  const auto uneven = [](double end) {
    return 0.2 + (static_cast<int>(end / kSegment) % 2 == 0 ? 0.8 : 0.0);
  };
  const auto shown = show(arrivals(uneven, 101, 1, 120));
  EXPECT_LT(oldest_after(shown, 121), kSegment + 1.5);
  EXPECT_LT(longest_gap_after(shown, 121), 0.2);
}

// The reader takes 24 frames per second in the first half, and 60 in the second.
TEST(EdgePace, AReaderIsLateByWhatItHasNotTaken) {
  const auto packets = arrivals([](double /*end*/) { return 0.2; }, 101, 1, 60);
  EdgePace pace;
  TimePoint now{};
  std::size_t read = 0;
  double late = 0;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    now = std::max(now, packets[i].arrived);
    for (; read < packets.size() && packets[read].arrived <= now; ++read) pace.arrive(packets[read]);
    const auto due = pace.due(packets[i], now);
    late = Seconds(now - due).count();
    const bool is_slow = i < packets.size() / 2;
    if (is_slow) {
      EXPECT_NEAR(late, static_cast<double>(i) * (1. / 24 - 1 / kPaceFps), kSegment) << i;
    }
    now = std::max(now, due) + to_duration(Seconds(is_slow ? 1. / 24 : 1. / 60));
  }
  EXPECT_LT(late, 0.1);
}

TEST(EdgePace, APlaylistThatIsCompleteIsShownAtItsOwnPace) {
  std::vector<EdgePace::Timed> packets;
  for (int n = 0; n < 900; ++n) packets.push_back({n / kPaceFps, instant(0)});
  const auto shown = show(packets);
  EXPECT_NEAR(shown.back().at, 899 / kPaceFps, 1e-6);
}

TEST(EdgePace, ABurstLastsUntilItsNewestPacketIsShownAtItsDistance) {
  EdgePace pace;
  const auto lasts = [&](double time, double arrived, std::uint64_t reloads) {
    pace.arrive({.time = time, .arrived = instant(arrived), .reloads = reloads});
    return Seconds(pace.lasts_until() - instant(0)).count();
  };
  EXPECT_NEAR(lasts(10, 1, 0), 1, 1e-6);
  EXPECT_NEAR(lasts(12, 1.1, 0), 3, 1e-6);
  EXPECT_NEAR(lasts(12.1, 3.2, 1), 3.2, 1e-6);  // the next burst is late
  EXPECT_NEAR(lasts(14.1, 3.3, 1), 5.2, 1e-6);
  EXPECT_NEAR(lasts(14.2, 6.5, 1), 6.5, 1e-6);    // the server has paused
  EXPECT_NEAR(lasts(1.0, 6.6, 1), 6.6, 1e-6);     // the times go back
  EXPECT_NEAR(lasts(5000.0, 6.7, 1), 6.7, 1e-6);  // the times jump ahead
}

TEST(EdgePace, GoesOnWhereTheTimesJump) {
  std::vector<EdgePace::Timed> packets;
  for (const double from : {100.0, 5000.0, 2.0}) {
    for (int n = 0; n < 60; ++n) packets.push_back({from + n / kPaceFps, instant(0)});
  }
  const auto shown = show(packets);
  EXPECT_NEAR(shown.back().at, 3 * kSegment, 0.3);
}

}  // namespace
}  // namespace freshframe::test
