// Which keyframes of a source count, and how its counters and the log report a freeze.
// SPDX-License-Identifier: Apache-2.0
#include "sources/still/still_watch.hpp"

#include "freshframe/frame.hpp"
#include "freshframe/stats.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cpp/heard_log.hpp"
#include "cpp/media/paced.hpp"
#include "sources/still/picture_digest.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

constexpr int kStillWidth = 320;
constexpr int kStillHeight = 192;

// Returns an image of bars with unique noise.
Frame noisy(std::uint32_t number) {
  std::mt19937 random(number);
  FrameBuilder builder({.width = kStillWidth, .height = kStillHeight, .format = PixelFormat::Gray});
  for (int y = 0; y < kStillHeight; ++y) {
    auto* row = builder.plane(0) + y * builder.stride(0);
    for (int x = 0; x < kStillWidth; ++x)
      row[x] = static_cast<std::uint8_t>(2 * (x / 32) * 10 + random() % 4);
  }
  return std::move(builder).publish();
}

class StillWatchTest : public ::testing::Test {
 protected:
  /// Shows an image to the watch. The next one follows after `seconds`.
  void see(StillWatch& watch, const Frame& picture, double seconds) {
    watch.note_picture(picture, time_, rig_.context);
    pass(seconds);
  }
  void pass(double seconds) { time_ += std::chrono::duration_cast<TimePoint::duration>(Seconds(seconds)); }
  [[nodiscard]] SourceStats stats() const { return rig_.counters.source().snapshot(time_); }

  Rig rig_;
  TimePoint time_ = rig_.start;
  HeardLog log_;
};

TEST_F(StillWatchTest, AFrozenImageIsReportedAfterTheTimeAndEndsWithOtherImages) {
  StillWatch watch("camera 'door'", 10);
  const auto hung = noisy(1);
  for (int i = 0; i < 5; ++i) see(watch, hung, 2);
  EXPECT_EQ(stats().frozen, "") << "8 s";
  see(watch, hung, 2);
  EXPECT_EQ(stats().frozen, "frozen");
  EXPECT_EQ(stats().frozen_for, 10);
  EXPECT_EQ(stats().frozen_frames, 6U);
  EXPECT_EQ(stats().frozen_contents, 1U);
  EXPECT_TRUE(stats().frozen_is_ill);
  see(watch, hung, 2);
  EXPECT_EQ(stats().frozen_for, 12);
  EXPECT_EQ(log_.count(LogLevel::Warning,
                       "camera 'door' has shown the same image for 10 s: 6 keyframes, 1 content"),
            1);
  for (std::uint32_t i = 2; i < 5; ++i) see(watch, noisy(i), 2);
  EXPECT_EQ(stats().frozen, "");
  EXPECT_EQ(stats().frozen_for, 0);
  EXPECT_FALSE(stats().frozen_is_ill);
  EXPECT_EQ(log_.count(LogLevel::Warning, ""), 2);
  EXPECT_EQ(log_.count(LogLevel::Warning, "camera 'door' shows new images again"), 1);
}

TEST_F(StillWatchTest, WithoutATimeItIsAMinuteAndNoReasonForHealthToFail) {
  StillWatch watch("x", std::nullopt);
  const auto hung = noisy(1);
  for (int i = 0; i < 30; ++i) see(watch, hung, 2);
  EXPECT_EQ(stats().frozen, "");
  see(watch, hung, 2);
  EXPECT_EQ(stats().frozen, "frozen");
  EXPECT_EQ(stats().frozen_for, 60);
  EXPECT_FALSE(stats().frozen_is_ill);
}

TEST_F(StillWatchTest, ZeroLooksAtNothing) {
  StillWatch watch("x", 0);
  const auto hung = noisy(1);
  for (int i = 0; i < 100; ++i) see(watch, hung, 2);
  EXPECT_EQ(stats().frozen, "");
}

TEST_F(StillWatchTest, OfPicturesThatAreAllKeyPicturesOneEachSecondCounts) {
  StillWatch watch("x", 10);
  const auto hung = noisy(1);
  for (int i = 0; i < 25 * 20; ++i) see(watch, hung, 0.04);
  EXPECT_EQ(stats().frozen, "frozen");
  EXPECT_EQ(stats().frozen_frames, 20U);
}

TEST_F(StillWatchTest, EachKeyPictureOfASlowStreamCounts) {
  StillWatch watch("x", 4);
  const auto hung = noisy(1);
  for (int i = 0; i < 20; ++i) see(watch, hung, 0.5);
  EXPECT_EQ(stats().frozen_frames, 17U)
      << "without the first three: what is equal to younger ones only is no proof";
}

TEST_F(StillWatchTest, ASourceThatDecodesNothingNeedsAPictureEachQuarterOfTheTimeAndMoreInDoubt) {
  StillWatch watch("x", 20);
  std::vector<double> needed;
  std::vector<std::uint8_t> packet(1000, 7);
  const auto hung = noisy(1);
  for (int i = 0; i < 60; ++i) {
    packet[500] = static_cast<std::uint8_t>(i);  // as an encoder that numbers its images
    watch.note_packet(packet, time_, rig_.context);
    if (watch.needs_picture(time_)) {
      needed.push_back(Seconds(time_ - rig_.start).count());
      watch.ask_picture(time_);
      EXPECT_FALSE(watch.needs_picture(time_)) << "also where the picture does not come";
      watch.note_seen(i < 40 ? hung : noisy(static_cast<std::uint32_t>(i)), time_, rig_.context);
    }
    const double seconds = Seconds(time_ - rig_.start).count();
    EXPECT_EQ(stats().frozen, seconds >= 20 && seconds < 42 ? "frozen" : "") << seconds;
    pass(1);
  }
  std::vector<double> expected{0, 5};
  for (int second = 6; second < 42; ++second) expected.push_back(second);
  expected.insert(expected.end(), {42, 47, 52, 57});
  EXPECT_EQ(needed, expected);
  EXPECT_FALSE(StillWatch("x", 0).needs_picture(time_));
  see(watch, noisy(2), 1);
  EXPECT_FALSE(watch.needs_picture(time_)) << "it has one";
}

// The image of the camera is frozen. Its frames are decoded only at times, and its packets repeat, as from a relay.
TEST_F(StillWatchTest, ASourceThatDecodesNowAndThenIsStillAllTheTime) {
  StillWatch watch("x", 10);
  const std::vector<std::uint8_t> packet(1000, 7);
  const auto hung = noisy(1);
  for (int second = 0; second < 120; second += 2) {
    const bool is_wanted = second < 20 || (second >= 40 && second < 46) || second > 80;
    if (is_wanted) {
      watch.note_picture(hung, time_, rig_.context);
    } else {
      watch.note_packet(packet, time_, rig_.context);
      if (watch.needs_picture(time_)) {
        watch.ask_picture(time_);
        watch.note_seen(hung, time_, rig_.context);
      }
    }
    EXPECT_EQ(stats().frozen, second < 10 ? "" : "frozen") << second;
    EXPECT_TRUE(second < 10 || stats().frozen_for == second) << stats().frozen_for;
    pass(2);
  }
  for (std::uint32_t i = 0; i < 6; ++i) see(watch, noisy(100 + i), 2);
  EXPECT_EQ(stats().frozen, "");
}

TEST_F(StillWatchTest, PicturesThatComeNoLongerProveNothing) {
  StillWatch watch("x", 10);
  const auto hung = noisy(1);
  for (int i = 0; i < 10; ++i) see(watch, hung, 2);
  EXPECT_EQ(stats().frozen, "frozen");
  std::vector<std::uint8_t> packet(1000, 7);
  for (int i = 0; i < 10; ++i) {  // packets change, but no image is decoded
    packet[500] = static_cast<std::uint8_t>(i);
    watch.note_packet(packet, time_, rig_.context);
    if (watch.needs_picture(time_)) watch.ask_picture(time_);
    pass(2);
  }
  EXPECT_EQ(stats().frozen, "");
}

TEST_F(StillWatchTest, PacketsThatAreNotDecodedAreKnownByTheirBytes) {
  StillWatch watch("x", 10);
  std::vector<std::uint8_t> packet(1000, 7);
  for (int i = 0; i < 20; ++i) {
    packet[500] = static_cast<std::uint8_t>(i);
    watch.note_packet(packet, time_, rig_.context);
    pass(2);
  }
  EXPECT_EQ(stats().frozen, "");
  for (int i = 0; i < 6; ++i) {
    watch.note_packet(packet, time_, rig_.context);
    pass(2);
  }
  EXPECT_EQ(stats().frozen, "frozen");
  EXPECT_EQ(stats().frozen_for, 12) << "since the last one that was new";
}

TEST_F(StillWatchTest, ALoopIsReportedWithItsPeriod) {
  StillWatch watch("x", 4);
  for (std::uint32_t i = 0; i < 30; ++i) see(watch, noisy(i % 5), 2);
  EXPECT_EQ(stats().frozen, "loop");
  EXPECT_EQ(stats().frozen_period, 10);
  EXPECT_EQ(log_.count(LogLevel::Warning, "has shown the same images repeatedly for"), 1);
}

}  // namespace
}  // namespace freshframe::test
