// Timestamps of images, from RTP timestamps that are plausible and from implausible ones.
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/pictures/picture_times.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace freshframe::media::rtsp::test {
namespace {

constexpr int kClock = 90000;
constexpr int kRate = 25;
constexpr std::uint32_t kStep = kClock / kRate;

struct Sender {
  const char* name;
  std::function<std::uint32_t(std::uint32_t)> stamp;  // returns the timestamp of image n
  bool is_timed = true;                               // whether the timestamps are times
};

std::uint32_t random_number(std::uint32_t seed) {
  return static_cast<std::uint32_t>(std::mt19937(seed)());
}

const std::uint32_t kGroup = 50;

class StampedImages : public testing::TestWithParam<Sender> {};

TEST_P(StampedImages, HaveATimeWhereTheTimestampsCanBeTimes) {
  PictureTimes times(kClock);
  int known = 0;
  constexpr int kImages = 500;
  constexpr int kToLearn = 160;  // three seconds, and three jumps of the slowest sender
  for (std::uint32_t n = 0; n < kImages; ++n) {
    const auto arrived = TimePoint{} + to_duration(Seconds(static_cast<double>(n) / kRate));
    const auto time = times.place(GetParam().stamp(n), arrived);
    if (n >= kToLearn && time.known) ++known;
  }
  EXPECT_EQ(known, GetParam().is_timed ? kImages - kToLearn : 0);
  EXPECT_EQ(times.find(0).has_value(), GetParam().is_timed);
}

INSTANTIATE_TEST_SUITE_P(
    PictureTimes, StampedImages,
    testing::Values(
        Sender{"good", [](auto n) { return kStep * n; }},
        Sender{"thatWrap", [](auto n) { return 0xFFFFFF00U + kStep * n; }},
        Sender{"ofBFrames", [](auto n) { return kStep * (n == 0       ? 0
                                                         : n % 3 == 1 ? n + 2
                                                                      : n - 1); }},
        Sender{"ofAnotherPace", [](auto n) { return kStep * n * 5 / 4; }},
        Sender{"thatJumpOnce", [](auto n) { return kStep * n + (n > 100 ? 3600U * kClock : 0U); }},
        Sender{"thatJumpBackOnce", [](auto n) { return kStep * n - (n > 100 ? 3600U * kClock : 0U); }},
        Sender{"withJitter", [](auto n) { return kStep * n + random_number(n) % 300; }},
        Sender{"nought", [](auto) { return 0U; }, false},
        Sender{"allTheSame", [](auto) { return 777U; }, false},
        Sender{"perSecond", [](auto n) { return kClock * (n / kRate); }, false},
        Sender{"perGroup", [](auto n) { return kStep * (n / kGroup) * kGroup; }, false},
        Sender{"inPairs", [](auto n) { return kStep * (n / 2 * 2); }, false},
        Sender{"twoInTurn", [](auto n) { return n % 2 * kStep; }, false},
        Sender{"numbersOfImages", [](auto n) { return n; }, false},
        Sender{"milliseconds", [](auto n) { return n * 1000 / kRate; }, false},
        Sender{"microseconds", [](auto n) { return n * (1000000 / kRate); }, false},
        Sender{"random", [](auto n) { return random_number(n); }, false},
        Sender{"thatBeginAgain", [](auto n) { return kStep * (n % kGroup); }, false},
        Sender{"thatGoBack", [](auto n) { return 0U - kStep * n; }, false}),
    [](const testing::TestParamInfo<Sender>& sender) { return std::string(sender.param.name); });

TEST(PictureTimes, NeitherBurstsNorPausesOfTheNetworkRefuteTimestamps) {
  PictureTimes times(kClock);
  double arrived = 0;
  for (std::uint32_t n = 0; n < 2000; ++n) {
    const double due = static_cast<double>(n) / kRate;
    if (n < 200) arrived = 0.001 * n;  // the server starts with stored images
    if (n >= 200) arrived = std::max(arrived, due - 8);
    if (n % 400 == 399) arrived = std::max(arrived, due + 6);  // the network pauses
    EXPECT_TRUE(times.place(kStep * n, TimePoint{} + to_duration(Seconds(arrived))).known) << n;
  }
}

TEST(PictureTimes, AreBelievedAgainAfterTenSeconds) {
  PictureTimes times(kClock);
  std::uint32_t n = 0;
  const auto place = [&](std::uint32_t stamp) {
    return times.place(stamp, TimePoint{} + to_duration(Seconds(static_cast<double>(n++) / kRate))).known;
  };
  for (int i = 0; i < 10; ++i) static_cast<void>(place(777));
  for (std::uint32_t i = 1; i < 250; ++i) EXPECT_FALSE(place(777 + kStep * i)) << i;
  for (std::uint32_t i = 250; i < 300; ++i) EXPECT_TRUE(place(777 + kStep * i)) << i;
}

TEST(PictureTimes, OfAnImageWhoseTimestampRepeatsIsUnknownAlone) {
  PictureTimes times(kClock);
  EXPECT_TRUE(times.place(0, TimePoint{}).known);
  EXPECT_TRUE(times.place(kStep, TimePoint{} + to_duration(Seconds(0.04))).known);
  const auto repeated = times.place(kStep, TimePoint{} + to_duration(Seconds(0.08)));
  EXPECT_FALSE(repeated.known);
  EXPECT_EQ(repeated.ticks, 2 * kStep) << "by its arrival";
  EXPECT_TRUE(times.place(3 * kStep, TimePoint{} + to_duration(Seconds(0.12))).known);
}

}  // namespace
}  // namespace freshframe::media::rtsp::test
