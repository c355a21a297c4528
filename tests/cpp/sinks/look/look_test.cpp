// Images of the last seconds: the right ones by the numbers painted on them, each only once, with their own
// timestamps.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/look.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/media/packets/packet_rig.hpp"
#include "media/ffmpeg/write/video_codec.hpp"
#include <gtest/gtest.h>
#include <malloc.h>

namespace freshframe::test {
namespace {

constexpr double kLookFps = 25;
constexpr int kLookKeys = 20;  // frames from one keyframe to the next
constexpr int kLookCount = 400;

TimePoint captured_at(double seconds) {
  return TimePoint() + std::chrono::duration_cast<TimePoint::duration>(Seconds(seconds));
}

std::shared_ptr<const Clock> clock_at(double seconds) {
  auto clock = std::make_shared<SimulatedClock>();
  clock->advance(Seconds(seconds));
  return clock;
}

/// Returns a camera's packets, each captured at its pts.
std::vector<AnySample> look_packets(const Folder& folder, const std::string& codec,
                                    const std::string& b_frames) {
  static_cast<void>(
      streamed(folder, codec, {{"g", std::to_string(kLookKeys)}, {"bf", b_frames}}, kLookCount));
  auto packets = completed(folder.file("stream.ts"));
  for (auto& packet : packets) packet.stamp.captured = captured_at(packet.stamp.pts);
  return packets;
}

class Looking {
 public:
  explicit Looking(const LookOptions& options) : look_(options) { look_.set_input(get_type<Packet>()); }

  void feed(const std::vector<AnySample>& packets, std::size_t from, std::size_t to) {
    for (std::size_t n = from; n < to; ++n)
      static_cast<void>(look_.process(Sample<Packet>(packets.at(n)), hand_.context()));
  }
  [[nodiscard]] std::vector<Snapshot> at(const std::vector<double>& ages, bool exact, double now) {
    return look_.snapshots({.ages = ages, .exact = exact, .clock = clock_at(now)});
  }
  [[nodiscard]] LookBack& look() { return look_; }

 private:
  Hand hand_;
  Look look_;
};

std::vector<int> numbers_of(const std::vector<Snapshot>& snapshots) {
  std::vector<int> numbers;
  for (const auto& snapshot : snapshots) numbers.push_back(number_of(snapshot.frame));
  return numbers;
}

class LookTest : public testing::TestWithParam<const char*> {
 protected:
  LookTest() {
    if (media::find_video_encoder("h264") != nullptr) packets_ = look_packets(folder_, "h264", GetParam());
  }
  void SetUp() override {
    if (packets_.empty()) GTEST_SKIP() << "no H.264 encoder";
    first_ = packets_.front().stamp.pts;
  }
  [[nodiscard]] int number_at(double pts) const {
    return static_cast<int>(std::lround((pts - first_) * kLookFps));
  }

  const Folder folder_;
  std::vector<AnySample> packets_;
  double first_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Looks, LookTest, testing::Values("0", "2"));

TEST_P(LookTest, RandomMomentsHaveTheNewestPictureThatWasThere) {
  Looking look({.seconds = 8});
  std::mt19937 random(5);
  for (std::size_t n = 0; n < packets_.size(); ++n) {
    look.feed(packets_, n, n + 1);
    if (n < 60 || random() % 10 != 0) continue;
    double newest = 0;
    for (std::size_t k = 0; k <= n; ++k) newest = std::max(newest, packets_[k].stamp.pts);
    const double age = static_cast<double>(random() % 200) / 100;  // at least 2 s were fed
    const double late = static_cast<double>(random() % 10) / 100;  // seconds since the newest frame
    const auto snapshots = look.at({age}, true, newest + late);
    ASSERT_EQ(snapshots.size(), 1U);
    const double wish = std::min(newest, newest + late - age);
    const int number = number_of(snapshots[0].frame);
    EXPECT_EQ(number, number_at(snapshots[0].stamp.pts));
    EXPECT_LE(snapshots[0].stamp.pts, wish + 1e-5);
    // With B-frames, some earlier frames have not arrived yet, and the leading frames of an open GOP cannot be decoded.
    EXPECT_GE(snapshots[0].stamp.pts, wish - 5 / kLookFps);
  }
}

TEST_P(LookTest, WithoutExactEachIsTheKeyPictureBefore) {
  Looking look({.seconds = 30});
  look.feed(packets_, 0, packets_.size());
  const double now = first_ + (kLookCount - 1) / kLookFps;
  const auto numbers = numbers_of(look.at({9, 6, 3, 0}, false, now));
  EXPECT_EQ(numbers, (std::vector{160, 240, 320, 380}));
}

TEST_P(LookTest, NoImageIsReturnedTwiceAndNoneIsOlderThanTheRing) {
  Looking look({.seconds = 4});
  look.feed(packets_, 0, packets_.size());
  const double now = first_ + (kLookCount - 1) / kLookFps;
  EXPECT_EQ(numbers_of(look.at({0.3, 0.2, 0.1, 0}, false, now)), std::vector{380});
  EXPECT_EQ(numbers_of(look.at({0, 0, 0}, true, now)), std::vector{399});
  EXPECT_TRUE(look.at({9}, true, now).empty());
  EXPECT_EQ(look.at({9, 4, 0}, true, now).size(), 2U);
}

TEST_P(LookTest, APauseOfTheStreamIsAHoleAndNoPictureFillsIt) {
  Looking look({.seconds = 30});
  look.feed(packets_, 0, 100);
  const double newest = first_ + 99 / kLookFps;
  const auto snapshots = look.at({4, 3, 2, 1, 0}, false, newest + 3.5);
  EXPECT_EQ(numbers_of(snapshots), (std::vector{80}));
  EXPECT_NEAR(snapshots.back().gap, 3.5, 1e-6);
}

TEST_P(LookTest, ThePictureBeforeAHoleHasItsLengthAndTheOthersHaveNone) {
  Looking look({.seconds = 30});
  look.feed(packets_, 0, 100);
  look.feed(packets_, 200, 300);
  const auto snapshots = look.at({8, 1, 0}, false, first_ + 299 / kLookFps);
  ASSERT_EQ(numbers_of(snapshots), (std::vector{80, 260, 280}));
  EXPECT_NEAR(snapshots[0].gap, 100 / kLookFps, 0.2);
  EXPECT_EQ(snapshots[1].gap, 0);
  EXPECT_EQ(snapshots[2].gap, 0);
}

TEST_P(LookTest, WhatIsMissingIsSkippedToTheNextKeyPicture) {
  Looking look({.seconds = 30});
  auto packets = packets_;
  packets[50].dropped = 3;
  look.feed(packets, 0, 48);
  look.feed(packets, 50, packets.size());
  const double now = first_ + (kLookCount - 1) / kLookFps;
  const auto numbers =
      numbers_of(look.at({now - first_ - 55 / kLookFps, now - first_ - 62 / kLookFps}, true, now));
  ASSERT_EQ(numbers.size(), 2U);
  EXPECT_LE(numbers[0], 50);
  EXPECT_GE(numbers[1], 60);
}

TEST_P(LookTest, MaxBytesDropsTheOldestGroups) {
  std::size_t bytes = 0;
  for (const auto& packet : packets_) bytes += packet.value.as<Packet>()->data.size();
  Looking look({.seconds = 30, .max_bytes = bytes / 4});
  look.feed(packets_, 0, packets_.size());
  const double now = first_ + (kLookCount - 1) / kLookFps;
  EXPECT_TRUE(look.at({12}, false, now).empty());
  EXPECT_EQ(look.at({0}, false, now).size(), 1U);
}

/// Returns the packets with this source, and with pts increased by `later` seconds.
std::vector<AnySample> as_from(std::vector<AnySample> packets, int source, double later) {
  for (auto& each : packets) {
    auto packet = *each.value.as<Packet>();
    packet.pts += later;
    packet.dts += later;
    each.value = ValueRef::make<Packet>(std::move(packet));
    each.stamp.pts += later;
    each.stamp.source = source;
  }
  return packets;
}

// The second source's pts are 1000 s larger if it has run for longer, and smaller if it has just started. The last case
// is a restart of the first source.
TEST_P(LookTest, PicturesOfTwoSourcesAreFoundByTheirCapturesWhateverTheirPts) {
  for (const auto& [source, later] : {std::pair(1, 1000.0), std::pair(1, -8.0), std::pair(0, -8.0)}) {
    Looking look({.seconds = 30});
    look.feed(as_from(packets_, 0, 0), 0, 203);  // ends in the middle of a group
    look.feed(as_from(packets_, source, later), 220, packets_.size());
    const double now = first_ + (kLookCount - 1) / kLookFps;
    for (int step = 0; step < 22; ++step) {
      const double age = 0.7 * step;
      const auto snapshots = look.at({age}, true, now);
      ASSERT_EQ(snapshots.size(), 1U) << age;
      const int wish = number_at(now - age);
      const int there = wish >= 220 ? wish : std::min(wish, 202);
      EXPECT_LE(number_of(snapshots[0].frame), wish >= 220 ? wish : std::min(wish, 205)) << age;
      EXPECT_GE(number_of(snapshots[0].frame), there - 5) << age;
      EXPECT_EQ(snapshots[0].stamp.source, number_of(snapshots[0].frame) < 210 ? 0 : source);
    }
  }
}

TEST_P(LookTest, APacketOfAnotherSourceIsLeftOutUpToItsKeyPicture) {
  Looking look({.seconds = 30});
  look.feed(as_from(packets_, 0, 0), 0, 110);
  look.feed(as_from(packets_, 1, 0), 110, 160);
  const double now = first_ + 159 / kLookFps;
  for (const auto& snapshot : look.at({1.9, 1.5, 1, 0.5, 0}, true, now))
    EXPECT_EQ(snapshot.stamp.source, number_of(snapshot.frame) < 115 ? 0 : 1);
}

/// Returns the seconds of gaps that a Look reports for frames that were captured at these times.
double seconds_of_holes(const std::vector<double>& times) {
  Look look({.seconds = 600, .every = 0});
  for (std::size_t n = 0; n < times.size(); ++n) {
    AnySample sample;
    sample.stamp = {.seq = static_cast<int>(n), .pts = times[n], .captured = captured_at(times[n])};
    sample.frame = numbered_frame(static_cast<int>(n));
    static_cast<void>(look.process(Sample<Frame>(std::move(sample)), Hand().context()));
  }
  double seconds = 0;
  const double now = times.back();
  for (const auto& snapshot : look.snapshots({.ages = {now, now / 2, 0}, .clock = clock_at(now)}))
    seconds += snapshot.gap;
  return seconds;
}

TEST(Looks, ReportAHoleAfterEachOfTheFirstPictures) {
  for (const int after : {1, 2, 3, 4, 5, 10}) {
    std::vector<double> times;
    for (int n = 0; n < 60; ++n) times.push_back(n / 30.0 + (n >= after ? 4 : 0));
    EXPECT_NEAR(seconds_of_holes(times), 4, 0.1) << after;
    for (int n = 0; n < 60; ++n) times[static_cast<std::size_t>(n)] += n >= 12 ? 2 : 0;
    EXPECT_NEAR(seconds_of_holes(times), 6, 0.2) << after;
  }
}

TEST(Looks, ReportNoHoleOfASlowCameraAndFollowANewRate) {
  std::vector<double> times;
  for (int n = 0; n < 30; ++n) times.push_back(n * 5.0);
  EXPECT_EQ(seconds_of_holes(times), 0);
  for (int n = 0; n < 60; ++n) times.push_back(145 + n / 30.0);
  EXPECT_EQ(seconds_of_holes(times), 0);
}

TEST(FrameLooks, CountTheSecondsBetweenTwoPicturesByTheirCapturesInEachSource) {
  Look look({.seconds = 30, .every = 0.5});
  const auto feed = [&look](int n, int source, double pts, double captured) {
    AnySample sample;
    sample.stamp = {.seq = n, .pts = pts, .captured = captured_at(captured), .source = source};
    sample.frame = numbered_frame(n);
    static_cast<void>(look.process(Sample<Frame>(std::move(sample)), Hand().context()));
  };
  for (int n = 0; n < 50; ++n) feed(n, 0, n, 5 + n * 0.001);  // a file that is read at full speed
  feed(60, 1, 0, 5.06);                                       // another source
  feed(61, 1, 99, 5.07);
  feed(62, 1, 100, 5.6);
  const auto numbers = numbers_of(look.snapshots({.ages = {1, 0.6, 0.55, 0.5, 0}, .clock = clock_at(5.61)}));
  EXPECT_EQ(numbers, (std::vector{0, 60, 62}));
}

/// A Look, and requests that keep their turns until this object is destroyed.
class LookHeld {
 public:
  LookHeld() {
    AnySample sample;
    sample.frame = numbered_frame(7);
    static_cast<void>(look.process(Sample<Frame>(std::move(sample)), Hand().context()));
  }
  LookHeld(const LookHeld&) = delete;
  LookHeld& operator=(const LookHeld&) = delete;
  ~LookHeld() { over_ = true; }

  /// Starts a request, and returns when it has its turn.
  void hold(LookAsker asker) {
    const int before = held_;
    threads_.emplace_back([this, asker] {
      look.look({.ages = {0}, .asker = asker}, [this](const Snapshot& /*snapshot*/) {
        ++held_;
        wait_until([this] { return over_.load(); });
      });
    });
    wait_until([&] { return held_ > before; });
  }

  Look look;

 private:
  std::atomic<int> held_{0};
  std::atomic<bool> over_{false};
  std::vector<std::jthread> threads_;
};

TEST(LookTurns, OfTheProgramAreNotThoseOfTheNetwork) {
  LookHeld held;
  held.hold(LookAsker::Network);
  held.hold(LookAsker::Program);
  EXPECT_EQ(held.look.snapshots({.ages = {0}}).size(), 1U);
  std::stop_source stop;
  std::jthread stranger([&] {
    EXPECT_TRUE(
        held.look.snapshots({.ages = {0}, .asker = LookAsker::Network, .stop = stop.get_token()}).empty());
  });
  held.hold(LookAsker::Program);
  stop.request_stop();
}

/// A real clock that counts how often it is read.
class CountingClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override {
    ++reads;
    return Clock::real()->now();
  }
  bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition, TimePoint deadline,
                  const std::function<bool()>& ready) const override {
    return Clock::real()->wait_until(lock, condition, deadline, ready);
  }
  mutable std::atomic<int> reads{0};
};

TEST(LookTurns, NowIsWhenTheTurnHasCome) {
  LookHeld held;
  held.hold(LookAsker::Network);
  const auto clock = std::make_shared<CountingClock>();
  std::stop_source stop;
  stop.request_stop();  // so that the request does not wait for a turn
  const LookQuestion question{
      .ages = {0}, .asker = LookAsker::Network, .clock = clock, .stop = stop.get_token()};
  EXPECT_TRUE(held.look.snapshots(question).empty());
  EXPECT_EQ(clock->reads, 0);
}

TEST_P(LookTest, APictureIsDecodedWhenThoseBeforeTheLastOneAreTaken) {
  Looking look({.seconds = 30});
  look.feed(packets_, 0, packets_.size());
  std::stop_source stop;
  int taken = 0;
  const double now = first_ + (kLookCount - 1) / kLookFps;
  look.look().look({.ages = {9, 6, 3, 0}, .clock = clock_at(now), .stop = stop.get_token()},
                   [&](const Snapshot& snapshot) {
                     EXPECT_EQ(number_of(snapshot.frame), 160 + 80 * taken);
                     if (++taken == 2) stop.request_stop();
                   });
  EXPECT_EQ(taken, 2);
}

/// A key packet of `size` bytes in a buffer that may be larger.
Packet look_packet(double pts, int size, int buffer) {
  auto packet = make_av_packet();
  require(av_new_packet(packet.get(), buffer));
  std::memset(packet->data, 0, static_cast<std::size_t>(buffer));
  packet->size = size;
  const std::shared_ptr<AVPacket> owner(std::move(packet));
  static const auto stream = std::make_shared<const PacketStream>();
  return {.data = {owner->data, static_cast<std::size_t>(size)},
          .pts = pts,
          .dts = pts,
          .is_keyframe = true,
          .stream = stream,
          .owner = owner};
}

TEST(Looks, HoldNoMoreMemoryThanMaxBytesWhateverTheSizeOfThePackets) {
  constexpr std::size_t kMost = 4U << 20U;
  for (const auto& [size, buffer] : {std::pair(20, 20), std::pair(100, 8000), std::pair(30'000, 30'000)}) {
    Look look({.seconds = 3600, .max_bytes = kMost});
    look.set_input(get_type<Packet>());
    Hand hand;
    const auto held = [] { return ::mallinfo2().uordblks + ::mallinfo2().hblkhd; };  // 0 with a sanitizer
    const auto before = held();
    for (int n = 0; n < 20'000; ++n) {
      AnySample sample;
      sample.stamp.pts = n / kLookFps;
      sample.value = ValueRef::make<Packet>(look_packet(n / kLookFps, size, buffer));
      static_cast<void>(look.process(Sample<Packet>(std::move(sample)), hand.context()));
    }
    EXPECT_LE(held(), before + kMost) << size;
    if (before > 0) {
      EXPECT_GE(held(), before + kMost / 2) << size;
    }
  }
}

TEST(FrameLooks, KeepOneFramePerInterval) {
  Look look({.seconds = 4, .every = 0.5});
  for (int n = 0; n < 200; ++n) {
    AnySample sample;
    sample.stamp = {.seq = n, .pts = n / kLookFps, .captured = captured_at(n / kLookFps)};
    sample.frame = numbered_frame(n);
    static_cast<void>(look.process(Sample<Frame>(std::move(sample)), Hand().context()));
  }
  const auto snapshots = look.snapshots({.ages = {3, 2, 1, 0}, .clock = clock_at(199 / kLookFps)});
  ASSERT_EQ(snapshots.size(), 4U);
  for (const auto& snapshot : snapshots) EXPECT_EQ(number_of(snapshot.frame), snapshot.stamp.seq);
  EXPECT_LE(199 - snapshots.back().stamp.seq, 13);
  EXPECT_TRUE(look.snapshots({.ages = {7}, .clock = clock_at(199 / kLookFps)}).empty());
}

TEST(Looks, RefuseOptionsThatAreOutOfRange) {
  EXPECT_THROW(Look({.seconds = 0}), OptionError);
  EXPECT_THROW(Look({.seconds = 3601}), OptionError);
  EXPECT_THROW(Look({.every = -1}), OptionError);
  EXPECT_THROW(Look({.max_bytes = 0}), OptionError);
  Look look;
  EXPECT_THROW(static_cast<void>(look.snapshots({.ages = {-1}})), OptionError);
  EXPECT_TRUE(look.snapshots({.ages = {0}}).empty());
}

}  // namespace
}  // namespace freshframe::test
