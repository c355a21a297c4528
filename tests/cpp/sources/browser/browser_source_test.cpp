// A source that a browser feeds: timestamps, numbers, outages, take-over, and senders with false claims.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/media.hpp"
#include "freshframe/pipeline.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "core/watch/feed.hpp"
#include "cpp/heard_log.hpp"
#include "cpp/media/files.hpp"
#include "cpp/sources/browser/browser_clip.hpp"
#include "cpp/support.hpp"
#include "media/packets/packet_camera.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using core::FeedCodec;

constexpr double kAge = 0.040;     // seconds from a frame's capture to its arrival
constexpr double kError = 0.0015;  // error bound of the capture time, in seconds

/// A browser source, and the server's side of its feed.
struct BrowserRig {
  Hand hand;
  std::unique_ptr<VideoSource> source;
  std::shared_ptr<core::CameraFeed> feed;
  std::uint64_t sender = 0;
  std::uint32_t number = 0;
  std::uint64_t skipped = 0;
  double pts = 0;

  explicit BrowserRig(const OpenOptions& options = {}) : source(open("browser:front", options)) {
    if (auto* const fed = source->abilities().fed) feed = fed->feed();
  }

  std::uint64_t connect(FeedCodec codec) {
    number = 0;
    skipped = 0;
    sender = feed->connect();
    feed->declare(sender, {.codec = codec, .width = kWidth, .height = kHeight, .fps = 25});
    return sender;
  }
  /// Sends a frame as the browser would, `age` seconds after its capture and `ago` seconds before now. Returns
  /// the frame's capture time.
  TimePoint send(const BrowserFrame& frame, double age = kAge, double ago = 0) {
    const auto now = std::chrono::steady_clock::now() - to_duration(Seconds(ago));
    core::FeedPacket packet{.bytes = frame.bytes,
                            .number = ++number,
                            .skipped = skipped,
                            .pts = pts += 0.04,
                            .error = kError,
                            .captured = now - to_duration(Seconds(age)),
                            .arrived = now};
    const auto captured = packet.captured;
    EXPECT_TRUE(feed->put(sender, std::move(packet)));
    return captured;
  }
  [[nodiscard]] SourceStats stats() { return hand.counters.source().snapshot(hand.clock->now()); }
};

/// Reads a rig's source on its own thread.
class BrowserReader {
 public:
  explicit BrowserReader(BrowserRig& rig)
      : rig_(rig), thread_([this] {
          while (rig_.source->read(rig_.hand.context())) ++frames_;
        }) {}
  BrowserReader(const BrowserReader&) = delete;
  BrowserReader& operator=(const BrowserReader&) = delete;
  ~BrowserReader() {
    rig_.hand.stop.request_stop();
    thread_.join();
    rig_.source->close();
  }

  void await_frames(int count) const {
    wait_until([&] { return frames_ >= count; });
  }

 private:
  BrowserRig& rig_;
  std::atomic<int> frames_{0};
  std::jthread thread_;
};

TEST(BrowserSource, LogsOnceThatTheLinkMustBeOpened) {
  const HeardLog log;
  BrowserRig rig;
  rig.source->open(rig.hand.context());
  EXPECT_EQ(log.count(LogLevel::Warning, "waiting for one: open the link of Dashboard.camera_url()"), 1);
  EXPECT_EQ(log.count(LogLevel::Warning, "camera_url"), 1);
}

TEST(BrowserSource, GivesTheBrowsersFramesWithItsCaptureTimes) {
  constexpr int kFrames = 12;
  const auto clip = browser_clip(FeedCodec::H264, kFrames);
  if (clip.empty()) GTEST_SKIP() << "no H.264 encoder";
  BrowserRig rig;
  EXPECT_TRUE(rig.source->live());
  rig.source->open(rig.hand.context());
  EXPECT_EQ(rig.stats().state, SourceState::WaitingSender);
  EXPECT_TRUE(contains(rig.stats().last_error, "cannot open 'browser:front': no browser sends it"))
      << rig.stats().last_error;
  EXPECT_FALSE(contains(rig.stats().last_error, "camera_url"))
      << "why() appends it: " << rig.stats().last_error;
  rig.connect(FeedCodec::H264);
  for (int n = 0; n < kFrames; ++n) {
    if (n == 5) rig.skipped += 2;
    const auto captured = rig.send(clip[static_cast<std::size_t>(n)]);
    const auto item = rig.source->read(rig.hand.context());
    ASSERT_TRUE(item);
    EXPECT_EQ(number_of(item->value), n);
    EXPECT_EQ(item->captured, captured);
    EXPECT_EQ(item->utc.from, UtcFrom::Browser);
    EXPECT_NEAR(item->utc.error, kError, 1e-6);
    EXPECT_NEAR(item->utc.seconds, rig.hand.clock->unix_time(captured), 0.005);
    EXPECT_EQ(item->seq, n < 5 ? n : n + 2);
  }
  EXPECT_EQ(rig.hand.counters.drops(NodeDropCause::Sender), 2U);
  EXPECT_EQ(rig.hand.counters.drops(NodeDropCause::Lost), 0U);
  EXPECT_EQ(rig.feed->take_news().acks.size(), static_cast<std::size_t>(kFrames));
  EXPECT_EQ(rig.stats().state, SourceState::Reading);
  EXPECT_EQ(rig.stats().decoder_frames, 0);
  EXPECT_EQ(rig.source->info().codec, "h264");
  EXPECT_EQ(rig.source->info().width, kWidth);
  rig.source->close();
  EXPECT_TRUE(rig.feed->take_news().ended);
}

TEST(BrowserSource, DropsWhatWasOnItsWayWhenTheBrowserWasSuspended) {
  constexpr double kAway = 5;  // seconds
  const auto clip = browser_clip(FeedCodec::H264, 5);
  if (clip.empty()) GTEST_SKIP() << "no H.264 encoder";
  BrowserRig rig;
  rig.source->open(rig.hand.context());
  rig.connect(FeedCodec::H264);
  rig.send(clip[0], kAge, kAway + 1);
  ASSERT_TRUE(rig.source->read(rig.hand.context()));
  rig.send(clip[1], kAway + kAge, 1);
  rig.send(clip[2], kAway, 1);
  const auto captured = rig.send(clip[3], kAge, 1);
  const auto next = rig.source->read(rig.hand.context());
  ASSERT_TRUE(next);
  EXPECT_EQ(number_of(next->value), 3);
  EXPECT_EQ(next->captured, captured);
  EXPECT_EQ(next->seq, 3);
  EXPECT_EQ(rig.hand.counters.drops(NodeDropCause::Sender), 2U);
  EXPECT_EQ(rig.stats().damaged, 0U) << "they are decoded, since later frames need them";
  rig.source->close();
}

TEST(BrowserSource, KeepsOldFramesOfALinkThatIsAlwaysSlow) {
  constexpr double kSlow = 3;  // seconds that each frame takes, alone
  const auto clip = browser_clip(FeedCodec::Mjpeg, 4);
  ASSERT_FALSE(clip.empty());
  BrowserRig rig;
  rig.source->open(rig.hand.context());
  rig.connect(FeedCodec::Mjpeg);
  rig.send(clip[0], kAge, 4 * kSlow);
  rig.send(clip[1], kSlow, 3 * kSlow);
  rig.send(clip[2], kSlow, 2 * kSlow);
  rig.send(clip[3], kSlow, kSlow);
  for (const int number : {0, 2, 3}) {
    const auto item = rig.source->read(rig.hand.context());
    ASSERT_TRUE(item);
    EXPECT_EQ(number_of(item->value), number);
  }
  rig.source->close();
}

TEST(BrowserSource, DecodesEachCodecAndAChangeOfIt) {
  BrowserRig rig;
  rig.source->open(rig.hand.context());
  rig.sender = rig.feed->connect();
  for (const auto codec : kFeedCodecs) {
    SCOPED_TRACE(core::to_string(codec));
    const auto clip = browser_clip(codec, 4);
    if (clip.empty()) continue;
    rig.feed->declare(rig.sender, {.codec = codec, .width = kWidth, .height = kHeight});
    for (int n = 0; n < 4; ++n) {
      rig.send(clip[static_cast<std::size_t>(n)]);
      const auto item = rig.source->read(rig.hand.context());
      ASSERT_TRUE(item);
      EXPECT_EQ(number_of(item->value), n);
    }
  }
  EXPECT_EQ(rig.hand.counters.drops(NodeDropCause::Lost), 0U);
  rig.source->close();
}

TEST(BrowserSource, WaitsForTheNextBrowserWithTheReasonOfTheLast) {
  const auto clip = browser_clip(FeedCodec::Mjpeg, 3);
  ASSERT_FALSE(clip.empty());
  BrowserRig rig;
  rig.source->open(rig.hand.context());
  const BrowserReader reading(rig);
  rig.connect(FeedCodec::Mjpeg);
  rig.send(clip[0]);
  reading.await_frames(1);
  rig.feed->disconnect(rig.sender, "the browser closed the page");
  wait_until([&] { return rig.stats().state == SourceState::WaitingSender; });
  EXPECT_EQ(rig.stats().last_error, "lost 'browser:front': the browser closed the page");
  rig.connect(FeedCodec::Mjpeg);
  SenderStats denied;
  denied.state = "denied";
  denied.message = "the browser's user does not permit the camera";
  rig.feed->report(rig.sender, denied);
  wait_until([&] { return contains(rig.stats().last_error, denied.message); });
  EXPECT_EQ(rig.source->report(Span::Recent).sender->message, denied.message);
  denied.state = "live";
  denied.message.clear();
  rig.feed->report(rig.sender, denied);
  rig.send(clip[1]);
  reading.await_frames(2);
  // Another browser takes over while the first one is sending.
  rig.connect(FeedCodec::Mjpeg);
  rig.send(clip[2]);
  reading.await_frames(3);
  EXPECT_EQ(rig.stats().outages, 3U);  // the start, the closed page, the take-over
  EXPECT_EQ(rig.stats().reconnects, 3U);
}

TEST(BrowserSource, AsksForAKeyframeAndSkipsWhatIsBeforeIt) {
  const auto clip = browser_clip(FeedCodec::H264, 12);
  if (clip.empty()) GTEST_SKIP() << "no H.264 encoder";
  BrowserRig rig;
  rig.source->open(rig.hand.context());
  const BrowserReader reading(rig);
  rig.connect(FeedCodec::H264);
  rig.send(clip[1]);
  core::FeedNews news;
  wait_until([&] {
    for (auto& ack : rig.feed->take_news().acks) news.acks.push_back(ack);
    return !news.acks.empty() && news.acks.back().key;
  });
  rig.send(clip[10]);
  reading.await_frames(1);
  EXPECT_EQ(rig.stats().damaged, 0U);
}

TEST(BrowserSource, AsksForAKeyframeWhenSomethingStartsToTakeItsPackets) {
  constexpr std::size_t kFrames = 9;  // only the first is a keyframe
  const auto clip = browser_clip(FeedCodec::H264, kFrames);
  if (clip.empty()) GTEST_SKIP() << "no H.264 encoder";
  BrowserRig rig;
  rig.source->open(rig.hand.context());
  rig.connect(FeedCodec::H264);
  const auto send = [&](std::size_t n) {
    rig.send(clip[n]);
    EXPECT_TRUE(rig.source->read(rig.hand.context()));
    return rig.feed->take_news().acks.back().key;
  };
  EXPECT_FALSE(send(0));
  EXPECT_FALSE(send(1));
  auto* const abilities = rig.source->abilities().packets;
  ASSERT_NE(abilities, nullptr);
  const auto node = abilities->packets();
  EXPECT_TRUE(send(2));
  rig.source->close();
}

TEST(BrowserSource, RefusesABrowserWhoseFramesDifferFromItsDeclaration) {
  const std::vector<std::uint8_t> huge{0x10, 0, 0, 0x9D, 0x01, 0x2A, 0x00, 0x10, 0x00, 0x09};  // 4096 x 2304
  const std::string_view text = "HTTP/1.1 200";
  BrowserRig rig;
  rig.source->open(rig.hand.context());
  const BrowserReader reading(rig);
  for (const auto& [bytes, why] :
       {std::pair(std::vector<std::uint8_t>(text.begin(), text.end()), "a frame that is not vp8"),
        std::pair(huge, "an image of 4096x2304")}) {
    SCOPED_TRACE(why);
    const auto sender = rig.connect(FeedCodec::Vp8);
    rig.send({.bytes = bytes, .key = true});
    std::optional<std::string> refused;
    wait_until([&] {
      if (auto news = rig.feed->take_news(); news.refused) refused = news.refused;
      return refused.has_value();
    });
    EXPECT_TRUE(contains(*refused, why)) << *refused;
    wait_until([&] { return contains(rig.stats().last_error, why); });
    EXPECT_FALSE(rig.feed->put(sender, {}));
  }
}

TEST(BrowserSource, PassesTheRequestedFormatToTheServer) {
  const BrowserRig rig({.width = 1088, .height = 1920, .fps = 15});
  EXPECT_EQ(rig.feed->wants().width, 1088);
  EXPECT_EQ(rig.feed->wants().height, 1920);
  EXPECT_EQ(rig.feed->wants().fps, 15);
  EXPECT_EQ(rig.feed->name(), "front");
}

TEST(BrowserSource, AsksForTheSizeBeforeItsRotation) {
  for (const int rotate : {0, 90, 180, 270}) {
    const BrowserRig rig({.width = 720, .height = 1280, .rotate = rotate});
    EXPECT_EQ(rig.feed->wants().width, rotate % 180 == 0 ? 720 : 1280) << rotate;
    EXPECT_EQ(rig.feed->wants().height, rotate % 180 == 0 ? 1280 : 720) << rotate;
  }
}

TEST(BrowserSource, CountsFramesSkippedBeforeItsKeyframe) {
  const auto clip = browser_clip(FeedCodec::H264, 12);
  if (clip.empty()) GTEST_SKIP() << "no H.264 encoder";
  BrowserRig rig;
  rig.source->open(rig.hand.context());
  rig.connect(FeedCodec::H264);
  rig.send(clip[0]);
  const auto first = rig.source->read(rig.hand.context());
  ASSERT_TRUE(first);
  rig.connect(FeedCodec::H264);
  rig.skipped = 3;
  rig.send(clip[1]);
  rig.skipped = 5;
  rig.send(clip[10]);
  const auto next = rig.source->read(rig.hand.context());
  ASSERT_TRUE(next);
  EXPECT_EQ(rig.hand.counters.drops(NodeDropCause::Sender), 5U);
  EXPECT_EQ(next->seq.value(), first->seq.value() + 6);
  rig.source->close();
}

TEST(BrowserSource, RefusesASizeThatNoBrowserMaySend) {
  for (const auto& [width, height] : {std::pair(2048, 1152), std::pair(1920, 1920), std::pair(8, 8)}) {
    const auto text = message_of<OptionError>(
        [&] { static_cast<void>(open("browser:", {.width = width, .height = height})); });
    EXPECT_TRUE(contains(text, "1920x1088")) << text;
  }
}

TEST(BrowserSource, ChecksItsNameAndOptions) {
  for (const std::string url : {"browser:a b", "browser:a?size=1x1", "browser:../x"}) {
    EXPECT_TRUE(contains(message_of<OptionError>([&] { static_cast<void>(open(url)); }), "64 letters"))
        << url;
  }
  EXPECT_TRUE(
      contains(message_of<OptionError>([] { static_cast<void>(open("browser:", {.reconnect = false})); }),
               "reconnect=False is for other sources"));
  EXPECT_THROW(static_cast<void>(open("browser:", {.live = true})), OptionError);
  EXPECT_NO_THROW(static_cast<void>(open("browser:")));
}

TEST(BrowserSource, NeedsAServerBeforeTheStart) {
  Pipeline pipeline;
  pipeline.add(open("browser:"), {.name = "door"});
  const auto text = message_of<StateError>([&] { pipeline.start(); });
  EXPECT_TRUE(contains(text, "'door' takes its frames from a browser's camera")) << text;
  EXPECT_TRUE(contains(text, "Pipeline.serve()")) << text;
}

TEST(BrowserSource, NeedsAServerWhenThePipelineRuns) {
  Pipeline pipeline;
  const auto demo = pipeline.add(open("demo:circles"), {.name = "demo"});
  pipeline.start();
  for (const auto& change : {std::function<void()>([&] { pipeline.add(open("browser:"), {.name = "door"}); }),
                             std::function<void()>([&] { pipeline.replace(demo, open("browser:")); })}) {
    const auto text = message_of<StateError>(change);
    EXPECT_TRUE(contains(text, "takes its frames from a browser's camera")) << text;
  }
  pipeline.stop();
}

}  // namespace
}  // namespace freshframe::test
