// The queue for a media server, which holds recent frames from a keyframe on, and the thread that sends them.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "cpp/support.hpp"
#include "media/packets/parameters.hpp"
#include "sinks/publish/publish_queue.hpp"
#include "sinks/publish/publish_sender.hpp"
#include "sinks/publish/publish_target.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using media::PublishQueue;
using media::PublishTarget;

/// A queue that is fed with numbered packets, a tenth of a second apart.
struct Sending {
  SimulatedClock clock;
  PublishQueue queue{clock, std::chrono::seconds(1)};
  std::stop_source stop;
  std::shared_ptr<const PacketStream> stream = std::make_shared<PacketStream>();
  int next = 0;

  void put(bool key) {
    Packet packet;
    packet.pts = packet.dts = next++;
    packet.is_keyframe = key;
    packet.stream = stream;
    queue.put(packet);
    clock.advance(std::chrono::milliseconds(100));
  }
  /// Puts a keyframe and nine other packets.
  void put_group() {
    for (int n = 0; n < 10; ++n) put(n == 0);
  }
  /// Takes `count` packets. Returns their numbers.
  std::vector<int> take(int count) {
    std::vector<int> numbers;
    for (int n = 0; n < count; ++n)
      numbers.push_back(static_cast<int>(queue.take(stop.get_token())->packet.pts));
    return numbers;
  }
};

TEST(PublishQueues, KeepWhatComesBeforeTheFirstConnectionIsBegun) {
  Sending sending;
  EXPECT_FALSE(sending.queue.drops_unconnected());
  sending.put(false);
  sending.put(true);
  sending.put(false);
  sending.queue.begin_stream();
  sending.put(false);
  EXPECT_EQ(sending.take(3), (std::vector{1, 2, 3}));
  EXPECT_EQ(sending.queue.count_drops().away, 1);
}

TEST(PublishQueues, KeepNothingAfterAFailureAndBeginAtAKeyPicture) {
  Sending sending;
  sending.queue.end_stream();
  sending.put_group();
  EXPECT_TRUE(sending.queue.drops_unconnected());
  sending.queue.begin_stream();
  EXPECT_FALSE(sending.queue.drops_unconnected());
  sending.put(false);
  EXPECT_TRUE(sending.queue.wants_key());
  sending.put(true);
  EXPECT_FALSE(sending.queue.wants_key());
  sending.put(false);
  EXPECT_EQ(sending.queue.stream(sending.stop.get_token()), sending.stream);
  EXPECT_EQ(sending.take(2), (std::vector<int>{11, 12}));
  EXPECT_EQ(sending.queue.count_drops().away, 12U);
  EXPECT_EQ(sending.queue.count_drops().slow, 0U);
}

TEST(PublishQueues, ContinueAtTheNewestKeyframeThatIsRecentEnough) {
  Sending sending;
  sending.queue.begin_stream();
  sending.queue.note_connection();
  for (int n = 0; n < 8; ++n) sending.put(n == 0 || n == 4 || n == 6);
  sending.clock.advance(std::chrono::milliseconds(300));
  EXPECT_EQ(sending.take(2), (std::vector<int>{6, 7}));
  EXPECT_EQ(sending.queue.count_drops().slow, 6U);
  EXPECT_FALSE(sending.queue.wants_key());
}

TEST(PublishQueues, WaitForAKeyframeIfNoneIsRecentEnough) {
  Sending sending;
  sending.queue.begin_stream();
  sending.queue.note_connection();
  sending.put_group();
  sending.put(false);
  sending.put(false);  // now the first packet is older than a second
  EXPECT_TRUE(sending.queue.wants_key());
  EXPECT_EQ(sending.queue.count_drops().slow, 12U);
  sending.put(true);
  EXPECT_EQ(sending.take(1), std::vector<int>{12});
}

TEST(PublishQueues, CountAllPacketsThatAreNotTaken) {
  Sending sending;
  sending.queue.begin_stream();
  sending.put_group();
  EXPECT_EQ(sending.take(3), (std::vector<int>{0, 1, 2}));
  sending.queue.end_stream();
  EXPECT_EQ(sending.queue.count_drops().away, 7U);
  sending.put_group();
  EXPECT_EQ(sending.queue.count_drops().away, 17U);
}

TEST(PublishQueues, CountWhatGetsOldBeforeThereIsAConnectionAsAway) {
  Sending sending;
  sending.queue.begin_stream();
  sending.put_group();
  sending.put_group();
  sending.queue.note_connection();
  EXPECT_EQ(sending.queue.count_drops().away, 10U);
  EXPECT_EQ(sending.queue.count_drops().slow, 0U);
  EXPECT_EQ(sending.take(1), std::vector<int>{10});
}

TEST(PublishQueues, KeepTheKeyPictureOfAnotherStreamForTheNextConnection) {
  Sending sending;
  sending.queue.begin_stream();
  sending.queue.note_connection();
  sending.put_group();
  sending.queue.put_back(*sending.queue.take(sending.stop.get_token()));
  sending.queue.begin_stream();
  EXPECT_FALSE(sending.queue.wants_key());
  EXPECT_EQ(sending.take(3), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(sending.queue.count_drops().away, 0U);
}

TEST(PublishQueues, EndTheirWaitAtAStop) {
  Sending sending;
  std::thread taker([&] {
    EXPECT_EQ(sending.queue.stream(sending.stop.get_token()), nullptr);
    EXPECT_FALSE(sending.queue.take(sending.stop.get_token()));
  });
  sending.stop.request_stop();
  taker.join();
}

TEST(PublishSenders, CountThePicturesThatComeBeforeTheirThreadsFirstTurn) {
  auto stream = std::make_shared<PacketStream>();
  media::CodecParametersPtr codec(avcodec_parameters_alloc());
  codec->codec_id = AV_CODEC_ID_MPEG4;
  stream->native = std::make_shared<const media::StreamParameters>(media::StreamParameters{std::move(codec)});
  Packet picture;
  picture.is_keyframe = true;
  picture.stream = stream;
  for (int n = 0; n < 200; ++n) {  // in most rounds, the thread first runs after stop()
    const SimulatedClock clock;
    NodeCounters counters;
    media::PublishSender sender("tcp://127.0.0.1:1", {});
    sender.start({.stop = {}, .clock = clock, .counters = counters});
    sender.queue()->put(picture);
    sender.stop();
    sender.count_drops(counters);
    EXPECT_EQ(counters.drops(NodeDropCause::Lost), 1);
  }
}

TEST(PublishTargets, AreURLsOfServers) {
  EXPECT_STREQ(PublishTarget("rtsp://host/a").format(), "rtsp");
  EXPECT_EQ(PublishTarget("rtsp://host/a").port(), 554);
  EXPECT_EQ(PublishTarget("rtsp://user:pw@[::1]:8554/a").port(), 8554);
  EXPECT_EQ(PublishTarget("rtsp://user:pw@[::1]:8554/a").masked_url(), "rtsp://user:***@[::1]:8554/a");
  EXPECT_STREQ(PublishTarget("rtmp://host/app/key").format(), "flv");
  EXPECT_STREQ(PublishTarget("udp://127.0.0.1:9").format(), "mpegts");
  for (const char* const url : {"http://host/a", "a.mp4", "rtsp://", "udp://127.0.0.1", "tcp://host/a",
                                "rtsp://host:0/a", "rtsp://host:99999/a", "rtsp://host:8554x/a",
                                "rtsp://host:/a", "tcp://host:-5", "rtsp://host/a\r\nb", "rtsp://host/a b"}) {
    EXPECT_THROW(const PublishTarget refused(url), OptionError) << url;
  }
}

TEST(PublishTargets, KnowTheirCodecs) {
  const PublishTarget rtmp("rtmp://host/app/key");
  EXPECT_TRUE(rtmp.takes(AV_CODEC_ID_H264));
  EXPECT_FALSE(rtmp.takes(AV_CODEC_ID_VP8));
  EXPECT_TRUE(PublishTarget("rtsp://host/a").takes(AV_CODEC_ID_VP8));
  EXPECT_FALSE(PublishTarget("tcp://host:9").takes(AV_CODEC_ID_VP9));
  const auto text = message_of<OptionError>([&] { static_cast<void>(rtmp.encoder("mpeg4")); });
  EXPECT_TRUE(contains(text, "rtmp servers do not support mpeg4; they support h264")) << text;
}

}  // namespace
}  // namespace freshframe::test
