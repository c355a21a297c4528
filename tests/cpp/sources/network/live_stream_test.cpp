// Streams of a network source: their order, a change of codec, finite files.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include "cpp/media/files.hpp"
#include "cpp/sources/network/live_clip.hpp"
#include "cpp/sources/network/live_server.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

std::string encoded(const Folder& folder, const std::string& name, const std::string& codec, int frames,
                    const std::map<std::string, std::string>& options = {}) {
  return write_video(folder.file(name), frames, {.codec = codec, .options = options});
}

TEST(LiveStream, BFramesOfMpeg2ComeInTheOrderOfTheirTimes) {
  const Folder folder;
  const auto path = encoded(folder, "b.ts", "mpeg2video", kLiveFrames, {{"bf", "2"}});
  const ByteServer server(read_bytes(path));
  Hand hand;
  const auto source = open(server.url(), {.reconnect = false});
  source->open(hand.context());
  std::vector<int> numbers;
  try {
    while (auto item = source->read(hand.context())) numbers.push_back(number_of(item->value));
  } catch (const SourceError&) {  // the end of a live stream
  }
  source->close();
  EXPECT_EQ(numbers, counting(kLiveFrames));
}

/// A clock that advances by another 0.02 s each time it is read.
class TickingClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override {
    return Clock::real()->now() + ++ticks_ * to_duration(Seconds(0.02));
  }
  bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                  TimePoint /*deadline*/, const std::function<bool()>& ready) const override {
    return Clock::real()->wait_until(lock, condition, Clock::real()->now(), ready);
  }

 private:
  mutable std::atomic<int> ticks_{0};
};

TEST(LiveStream, AnotherCodecInTheSameStreamIsALostConnection) {
  const Folder folder;
  Bytes bytes = clip();
  const auto other = read_bytes(encoded(folder, "other.ts", "mpeg2video", 8 * kLiveFrames));
  bytes.insert(bytes.end(), other.begin(), other.end());
  const ByteServer server(bytes, ByteServer::Then::Hold);
  Hand hand;
  hand.clock = std::make_shared<TickingClock>();
  const auto source = open(server.url(), {.reconnect = false});
  source->open(hand.context());
  std::string why;
  try {
    while (source->read(hand.context())) {
    }
  } catch (const SourceTimeoutError& error) {
    ADD_FAILURE() << error.what();
  } catch (const SourceError& error) {
    why = error.what();
  }
  source->close();
  EXPECT_TRUE(contains(why, "for 5 s, nothing that it sent could be decoded")) << why;
}

Bytes over_http(const Bytes& body, std::size_t length) {
  const std::string head =
      "HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
  Bytes bytes(head.begin(), head.end());
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

TEST(LiveStream, AFileOverHttpIsReadOnceUnlessAReconnectIsAskedFor) {
  const ByteServer server(over_http(clip(), clip().size()));
  const auto url = "http" + server.url().substr(3) + "/clip.ts";
  for (const auto reconnect : {std::optional<bool>(), std::optional<bool>(false)}) {
    Hand hand;
    const auto source = open(url, {.reconnect = reconnect});
    source->open(hand.context());
    int frames = 0;
    while (source->read(hand.context())) ++frames;
    EXPECT_EQ(frames, kLiveFrames);
    EXPECT_EQ(hand.counters.source().snapshot(hand.clock->now()).outages, 0U);
    source->close();
  }
  Hand hand;
  const auto source = open(url, {.reconnect = true});
  source->open(hand.context());
  for (int n = 0; n <= kLiveFrames; ++n) ASSERT_TRUE(source->read(hand.context()).has_value());
  source->close();
}

TEST(LiveStream, AFileOverHttpThatIsCutOffIsALostConnection) {
  const ByteServer server(over_http(clip(), clip().size() + 188));
  Hand hand;
  const auto source = open("http" + server.url().substr(3) + "/clip.ts", {.reconnect = false});
  source->open(hand.context());
  const auto read_all = [&] {
    while (source->read(hand.context())) {
    }
  };
  EXPECT_THROW(read_all(), SourceError);
  source->close();
}

}  // namespace
}  // namespace freshframe::test
