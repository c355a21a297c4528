// The parts of a live source that need no network: where decoding starts, and which packets are held, lost or
// repeated.
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "media/stream/key_gate.hpp"
#include "sources/network/camera_times.hpp"
#include "sources/network/decoding/fruitless.hpp"
#include "sources/network/decoding/held_packets.hpp"
#include "sources/network/decoding/live_phase.hpp"
#include "sources/network/input/video_choice.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

TimePoint second(double seconds) {
  return TimePoint{} + to_duration(Seconds(seconds));
}

TEST(KeyGate, OpensAtAKeyPictureAndStaysOpen) {
  KeyGate gate(2);
  EXPECT_FALSE(gate.passes(false, second(10)));
  EXPECT_FALSE(gate.passes(false, second(11)));
  EXPECT_TRUE(gate.passes(true, second(11.1)));
  EXPECT_TRUE(gate.passes(false, second(11.2)));
}

TEST(KeyGate, OpensAfterAWhileForAStreamThatHasNoKeyPicture) {
  KeyGate gate(2);
  EXPECT_FALSE(gate.passes(false, second(10)));
  EXPECT_FALSE(gate.passes(false, second(11.9)));
  EXPECT_TRUE(gate.passes(false, second(12)));
  EXPECT_TRUE(gate.passes(false, second(12.04)));
}

TEST(KeyGate, GivesUpLaterThanItOpens) {
  KeyGate gate(2);
  EXPECT_FALSE(gate.gives_up(second(100))) << "nothing has come";
  EXPECT_FALSE(gate.passes(false, second(0)));
  EXPECT_TRUE(gate.passes(false, second(3)));
  EXPECT_FALSE(gate.gives_up(second(9))) << "a camera with few keyframes is not lost";
  EXPECT_TRUE(gate.gives_up(second(10)));
}

constexpr std::array kPhases = {LivePhase::New,     LivePhase::Seeking,   LivePhase::Opening,
                                LivePhase::Resting, LivePhase::Reseeking, LivePhase::Reopening,
                                LivePhase::Showing};
constexpr std::array kEvents = {LiveEvent::Fed, LiveEvent::Key, LiveEvent::Frame, LiveEvent::Undecoded,
                                LiveEvent::Paused};

/// Checks the properties of each phase against a simple model of the events.
TEST(LivePhase, FollowsTheEvents) {
  for (const auto from : kPhases) {
    for (const auto event : kEvents) {
      const auto to = after(from, event);
      const bool begins = event == LiveEvent::Frame || event == LiveEvent::Undecoded;
      const bool pauses = event == LiveEvent::Paused;
      const bool feeds = event == LiveEvent::Fed || event == LiveEvent::Key || event == LiveEvent::Frame;
      const bool opens = event == LiveEvent::Key || event == LiveEvent::Frame;
      EXPECT_EQ(counts_losses(to), counts_losses(from) || begins);
      EXPECT_EQ(has_packets(to), !pauses && (has_packets(from) || feeds));
      EXPECT_EQ(makes_pictures(to), !pauses && (makes_pictures(from) || opens));
      EXPECT_EQ(to == LivePhase::Showing,
                event == LiveEvent::Frame || (from == LivePhase::Showing && !pauses));
    }
  }
}

TEST(LivePhase, CountsNoLossBeforeTheStreamHasBegun) {
  auto phase = LivePhase::New;
  for (const auto event : {LiveEvent::Fed, LiveEvent::Key, LiveEvent::Paused, LiveEvent::Key}) {
    phase = after(phase, event);
    EXPECT_FALSE(counts_losses(phase));
  }
  EXPECT_EQ(phase, LivePhase::Opening);
  phase = after(after(phase, LiveEvent::Frame), LiveEvent::Paused);
  EXPECT_EQ(phase, LivePhase::Resting);
  EXPECT_TRUE(counts_losses(phase));
}

TEST(KeyGate, RecognisesVp9KeyframesByTheirHeader) {
  const auto begins = [](std::uint8_t byte) { return is_vp9_key(std::array<std::uint8_t, 2>{byte, 0x49}); };
  EXPECT_TRUE(begins(0x82));                           // profile 0
  EXPECT_FALSE(begins(0x86)) << "an inter frame";      // non_key_frame
  EXPECT_FALSE(begins(0x8A)) << "shows an older one";  // show_existing_frame
  EXPECT_TRUE(begins(0xB1));                           // profile 3 has a reserved bit
  EXPECT_FALSE(begins(0xB3));
  EXPECT_FALSE(begins(0x42)) << "not VP9";
  EXPECT_FALSE(is_vp9_key({}));
}

TEST(HeldPackets, AreThoseWhoseTimesAreStillToCome) {
  HeldPackets held;
  held.add({.captured = second(1.00), .time = 0.0});
  held.add({.captured = second(1.04), .time = 0.12});  // a P-frame, sent early
  held.add({.captured = second(1.08), .time = 0.04});
  EXPECT_EQ(held.take(second(1.00), 0.0, false).held, 2U);
  EXPECT_EQ(held.take(second(1.08), 0.04, false).held, 1U);
  held.add({.captured = second(1.12), .time = 0.08});
  EXPECT_EQ(held.take(second(1.12), 0.08, false).held, 1U);
  EXPECT_EQ(held.take(second(1.04), 0.12, false).held, 0U);
}

TEST(HeldPackets, OfPicturesThatNeverComeAreNotHeld) {
  HeldPackets held;
  for (int n = 0; n < 100; ++n) {
    held.add({.captured = second(n), .time = n * 0.04});
    if (n % 3 == 2) {
      EXPECT_EQ(held.take(second(n), n * 0.04, false).held, 0U) << n;
    }
  }
}

TEST(HeldPackets, WithoutTimesKeepTheOrderInWhichTheyWereSent) {
  HeldPackets held;
  for (int n = 0; n < 4; ++n) held.add({.captured = second(n), .time = std::nullopt});
  EXPECT_EQ(held.take(second(1), std::nullopt, false).held, 2U);
  EXPECT_EQ(held.take(second(3), std::nullopt, false).held, 0U);
}

TEST(HeldPackets, TellWhatIsKnownOfAPictureAndOfThoseBeforeItThatNeverCame) {
  HeldPackets held;
  held.add({.captured = second(0), .time = 0.0, .damaged = true, .missing = 2});
  held.add({.captured = second(1), .time = 1.0, .dropped = 3});
  held.add({.captured = second(2), .time = 2.0, .missing = 1});
  held.add({.captured = second(3), .time = 3.0});
  const auto third = held.take(second(2), 2.0, false);
  EXPECT_FALSE(third.damaged);
  EXPECT_EQ(third.missing, 3U);
  EXPECT_EQ(third.dropped, 3U);
  EXPECT_EQ(third.failed, 2U);
  held.mark_damaged();
  EXPECT_TRUE(held.take(second(3), 3.0, false).damaged);
}

/// Live555 sends files like this: of three images, the one shown last arrives first, with the earliest time.
TEST(HeldPackets, WithTimesInTheOrderOfDecodingAreNotLostWhenTheyAreShownLater) {
  HeldPackets held;
  held.add({.captured = second(0), .time = 0.0});
  EXPECT_EQ(held.take(second(0), 0.0, true).failed, 0U);
  for (int n = 1; n < 60; n += 3) {
    for (int i = n; i < n + 3; ++i) held.add({.captured = second(i), .time = i, .damaged = i == n});
    for (const int shown : {n + 1, n + 2, n}) {
      const auto taken = held.take(second(shown), shown, true);
      EXPECT_EQ(taken.failed, 0U) << shown;
      EXPECT_EQ(taken.damaged, shown == n) << shown;
    }
  }
}

TEST(HeldPackets, WithTimesInTheOrderOfDecodingAreLostWhenMoreHaveComeThanADecoderHolds) {
  HeldPackets held;
  held.add({.captured = second(0), .time = 0.0, .missing = 2});
  std::uint64_t failed = 0;
  std::uint64_t missing = 0;
  for (int n = 1; n < 30; ++n) {
    held.add({.captured = second(n), .time = n});
    const auto taken = held.take(second(n), n, true);
    failed += taken.failed;
    missing += taken.missing;
  }
  EXPECT_EQ(failed, 1U);
  EXPECT_EQ(missing, 2U);
}

TEST(HeldPackets, OfAnOlderClockAreForgotten) {
  HeldPackets held;
  for (int n = 0; n < 5; ++n) held.add({.captured = second(n), .time = 95440.0 + n});
  std::size_t left = 0;
  for (int n = 5; n < 30; ++n) {
    held.add({.captured = second(n), .time = n});
    left = held.take(second(n), n, false).held;
  }
  EXPECT_EQ(left, 0U);
}

TEST(FruitlessPackets, AreTooManyWhenNoPictureComesForTheLimit) {
  FruitlessPackets packets;
  packets.begin_stream(second(0));
  EXPECT_FALSE(packets.add(second(100), 5)) << "the time before the first packet does not count";
  for (int n = 1; n < 50; ++n) EXPECT_FALSE(packets.add(second(100 + n * 0.1), 5)) << n;
  EXPECT_TRUE(packets.add(second(105), 5));
  packets.begin_stream(second(105.1));
  EXPECT_FALSE(packets.add(second(105.2), 5));
}

TEST(FruitlessPackets, OfASlowStreamMayBeHeldBackToReorderThem) {
  FruitlessPackets packets;
  packets.begin_stream(second(0));
  for (int n = 0; n < 16; ++n) EXPECT_FALSE(packets.add(second(n * 10), 5)) << n;
  EXPECT_TRUE(packets.add(second(160), 5));
}

TEST(VideoChoice, IsTheRenditionThatIsWanted) {
  using By = Rendition::By;
  const InputPtr input(avformat_alloc_context());
  const auto add = [&](AVCodecID codec, int width, int height, int disposition = 0) {
    AVStream* stream = avformat_new_stream(input.get(), nullptr);
    stream->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
    stream->codecpar->codec_id = codec;
    stream->codecpar->width = width;
    stream->codecpar->height = height;
    stream->disposition = disposition;
    return stream;
  };
  EXPECT_EQ(chosen_video(*input, {}), nullptr);
  AVStream* sound = avformat_new_stream(input.get(), nullptr);
  sound->codecpar->codec_type = AVMEDIA_TYPE_AUDIO;
  AVStream* small = add(AV_CODEC_ID_H264, 320, 180);
  av_dict_set(&small->metadata, "variant_bitrate", "800000", 0);
  const auto* const large = add(AV_CODEC_ID_H264, 640, 360);
  const auto* const hevc = add(AV_CODEC_ID_HEVC, 640, 360);
  add(AV_CODEC_ID_NONE, 1920, 1080);
  add(AV_CODEC_ID_MJPEG, 4000, 4000, AV_DISPOSITION_ATTACHED_PIC);
  add(AV_CODEC_ID_HEVC, 5000, 5000, AV_DISPOSITION_DEPENDENT);  // a tile of a larger image
  EXPECT_EQ(chosen_video(*input, {}), large) << "the first of the largest";
  EXPECT_EQ(chosen_video(*input, {.by = By::Worst}), small);
  EXPECT_EQ(chosen_video(*input, {.by = By::Height, .value = 360}), large);
  EXPECT_EQ(chosen_video(*input, {.by = By::Height, .value = 359}), small);
  EXPECT_EQ(chosen_video(*input, {.by = By::Height, .value = 90}), small) << "all are higher";
  EXPECT_EQ(chosen_video(*input, {.by = By::Number, .value = 2}), hevc);
  EXPECT_EQ(chosen_video(*input, {.by = By::Number, .value = 3}), nullptr) << "not decodable";
  EXPECT_EQ(chosen_video(*input, {.by = By::Number, .value = 4}), nullptr);
  EXPECT_EQ(describe_videos(*input), (std::vector<std::string>{"320x180 h264, 800 kbit/s", "640x360 h264",
                                                               "640x360 hevc", "1920x1080 none"}));
}

TEST(Rendition, IsAWordAHeightOrANumber) {
  using By = Rendition::By;
  EXPECT_EQ(parse_rendition("best")->by, By::Best);
  EXPECT_EQ(parse_rendition("worst")->by, By::Worst);
  EXPECT_EQ(parse_rendition("720p")->by, By::Height);
  EXPECT_EQ(parse_rendition("720p")->value, 720);
  EXPECT_EQ(parse_rendition("12")->by, By::Number);
  EXPECT_EQ(parse_rendition("12")->value, 12);
  for (const char* text : {"", "p", "0p", "-1", "720P", "1080p60", "123456", "Best"}) {
    EXPECT_FALSE(parse_rendition(text)) << text;
  }
}

TEST(RepeatedPackets, AreThoseAtTheBeginningOfALaterConnection) {
  RepeatedPackets packets;
  packets.connect();
  for (int n = 0; n < 10; ++n) EXPECT_FALSE(packets.remember(n, "picture " + std::to_string(n)));
  EXPECT_FALSE(packets.remember(3, "picture 3")) << "on the same connection";
  packets.connect();
  for (int n = 5; n < 10; ++n) EXPECT_TRUE(packets.remember(n, "picture " + std::to_string(n)));
  EXPECT_FALSE(packets.remember(10, "picture 10"));
  EXPECT_FALSE(packets.remember(5, "picture 5")) << "after a new one";
}

TEST(RepeatedPackets, AreNotThoseOfAnEncoderThatWasStartedAgain) {
  RepeatedPackets packets;
  packets.connect();
  EXPECT_FALSE(packets.remember(0, "morning"));
  packets.connect();
  EXPECT_FALSE(packets.remember(0, "evening"));
  packets.connect();
  EXPECT_FALSE(packets.remember(90, "evening")) << "the same picture, later";
}

TEST(RepeatedPackets, OfLongAgoAreForgotten) {
  RepeatedPackets packets;
  for (int n = 0; n < 20'000; ++n) EXPECT_FALSE(packets.remember(n, "x"));
  packets.connect();
  EXPECT_FALSE(packets.remember(0, "x"));
  packets.connect();
  EXPECT_TRUE(packets.remember(19'999, "x"));
}

}  // namespace
}  // namespace freshframe::test
