// A source with decode="keyframes": its keyframes, their numbers, and how long a call wakes it.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/clock.hpp"
#include "freshframe/error.hpp"
#include "freshframe/packet_nodes.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/media/packets/packet_rig.hpp"
#include "sources/network/decoding/wake_limit.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TEST(WakeLimit, IsTheLatestThatWasAskedFor) {
  WakeLimit limit;
  const TimePoint start{};
  EXPECT_FALSE(limit.stay_awake(start, 0));
  limit.wake_for(Seconds(5));
  limit.wake_for(Seconds(2));
  EXPECT_TRUE(limit.stay_awake(start, 0));
  EXPECT_TRUE(limit.stay_awake(start + std::chrono::seconds(4), 0));
  limit.wake_for(Seconds(3));
  EXPECT_TRUE(limit.stay_awake(start + std::chrono::seconds(4), 0));
  EXPECT_TRUE(limit.stay_awake(start + std::chrono::seconds(6), 0));
  EXPECT_FALSE(limit.stay_awake(start + std::chrono::seconds(7), 0));
  limit.wake_until(30.0);
  EXPECT_TRUE(limit.stay_awake(start + std::chrono::seconds(8), 29.9));
  EXPECT_FALSE(limit.stay_awake(start + std::chrono::seconds(8), 30.0));
}

TEST(SleepingSource, GivesKeyPicturesWithTheirNumbersAndCountsTheOthers) {
  const Folder folder;
  const ByteServer server(streamed(folder, "mpeg4", {{"g", "20"}, {"bf", "0"}}, 90));
  Hand hand;
  const auto source = open(server.url(), {.reconnect = false, .decode = Decode::Keyframes});
  source->open(hand.context());
  std::vector<int> numbers;
  std::vector<std::int64_t> seqs;
  try {
    while (const auto frame = source->read(hand.context())) {
      numbers.push_back(number_of(frame->value));
      seqs.push_back(frame->seq.value());
    }
  } catch (const SourceError&) {  // the end of a live stream
  }
  source->close();
  EXPECT_EQ(numbers, (std::vector<int>{0, 20, 40, 60, 80}));
  EXPECT_EQ(seqs, (std::vector<std::int64_t>{0, 20, 40, 60, 80}));
  // including the nine after the last keyframe
  EXPECT_EQ(hand.counters.drops(NodeDropCause::NotDecoded), 85U);
  EXPECT_EQ(hand.damaged(), 0U);
}

TEST(SleepingSource, GivesAllFramesUpToTheTimeItWasWokenFor) {
  const Folder folder;
  const ByteServer server(streamed(folder, "mpeg4", {{"g", "20"}, {"bf", "0"}}, 90));
  Hand hand;
  const auto source = open(server.url(), {.reconnect = false, .decode = Decode::Keyframes});
  wake(*source, {}, 25 / 25.0);
  source->open(hand.context());
  std::vector<int> numbers;
  std::vector<std::int64_t> seqs;
  try {
    while (const auto frame = source->read(hand.context())) {
      numbers.push_back(number_of(frame->value));
      seqs.push_back(frame->seq.value());
      if (numbers.back() == 60) wake(*source, {}, 62 / 25.0);
    }
  } catch (const SourceError&) {  // the end of a live stream
  }
  source->close();
  auto expected = counting(26);
  for (const int n : {40, 60, 61, 62, 80}) expected.push_back(n);
  EXPECT_EQ(numbers, expected);
  EXPECT_EQ(seqs, (std::vector<std::int64_t>(expected.begin(), expected.end())));
}

TEST(SleepingSource, IsALiveNetworkStreamOnly) {
  EXPECT_THROW(static_cast<void>(open("a.mp4", {.decode = Decode::Keyframes})), OptionError);
  EXPECT_THROW(static_cast<void>(open("demo:circles", {.decode = Decode::Keyframes})), OptionError);
  const auto all = open("rtsp://127.0.0.1:9/a");
  EXPECT_THROW(wake(*all, 1), GraphError);
  const auto keys = open("rtsp://127.0.0.1:9/a", {.decode = Decode::Keyframes});
  EXPECT_THROW(wake(*keys, 0), OptionError);
  EXPECT_THROW(wake(*keys, {}), OptionError);
  EXPECT_THROW(wake(*keys, 1, 1), OptionError);
  wake(*keys, 1);
}

}  // namespace
}  // namespace freshframe::test
