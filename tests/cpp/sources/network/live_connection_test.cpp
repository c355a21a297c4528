// A connection of FFmpeg to a server on this machine: what it delivers, how it ends, and what it refuses.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/live_connection.hpp"

#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <memory>
#include <optional>

#include "cpp/media/files.hpp"
#include "cpp/sources/network/live_clip.hpp"
#include "cpp/sources/network/live_server.hpp"
#include "media/ffmpeg/ptr.hpp"
#include "media/stream/detached_call.hpp"
#include "media/stream/reconnect.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using media::LiveConnection;

LiveConnection::Shared shared_by_none() {
  return {.learned = std::make_shared<Learned>(), .kept = std::make_shared<media::KeptDecoder>()};
}

TEST(LiveConnection, GivesTheStreamsPacketsUntilTheServerEndsIt) {
  const ByteServer server(clip());
  Hand hand;
  const auto context = hand.context();
  const OpenOptions options;
  std::optional<media::DetachedCall> aside;
  LiveConnection connection(media::SourceUrl(server.url()), options, context, aside, shared_by_none());
  EXPECT_EQ(connection.info().codec, "h264");
  EXPECT_FALSE(connection.is_bursty());
  const auto packet = media::make_av_packet();
  const auto first = connection.next(*packet, context);
  ASSERT_TRUE(first.has_value());
  EXPECT_TRUE(first->can_begin);
  EXPECT_GT(packet->size, 0);
  int packets = 1;
  const auto read_all = [&] {
    while (connection.next(*packet, context)) ++packets;
  };
  EXPECT_THROW(read_all(), SourceError);
  EXPECT_GT(packets, kLiveFrames / 2);
}

TEST(LiveConnection, RefusesThePaceOfPlaylistsForOtherStreams) {
  const ByteServer server(clip());
  Hand hand;
  OpenOptions options;
  options.pace = Pace::Burst;
  std::optional<media::DetachedCall> aside;
  const auto connect = [&] {
    const LiveConnection connection(media::SourceUrl(server.url()), options, hand.context(), aside,
                                    shared_by_none());
  };
  EXPECT_THROW(connect(), media::SourceRefused);
}

TEST(LiveConnection, AfterAStopIsAnImmediateError) {
  const ByteServer server(clip());
  Hand hand;
  hand.stop.request_stop();
  const OpenOptions options;
  std::optional<media::DetachedCall> aside;
  const auto connect = [&] {
    const LiveConnection connection(media::SourceUrl(server.url()), options, hand.context(), aside,
                                    shared_by_none());
  };
  EXPECT_THROW(connect(), SourceError);
}

}  // namespace
}  // namespace freshframe::test
