// Parses the responses of other projects' servers: gst-rtsp-server, VLC, live555, MediaMTX.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "media/http/authorization.hpp"
#include "real_answers.hpp"
#include "sources/rtsp/protocol/address.hpp"
#include "sources/rtsp/protocol/sdp.hpp"
#include "sources/rtsp/protocol/stream_reader.hpp"
#include <gtest/gtest.h>

namespace freshframe::media::rtsp::test {
namespace {

/// Restores the carriage returns that the network protocol has.
std::string with_carriage_returns(std::string_view text) {
  std::string result;
  for (const char c : text) result.append(c == '\n' ? "\r\n" : std::string(1, c));
  return result;
}

std::vector<Message> messages_of(std::string_view text) {
  const auto bytes = with_carriage_returns(text);
  StreamReader reader;
  std::ranges::copy(bytes, reader.room(bytes.size()).begin());
  reader.add_filled(bytes.size());
  std::vector<Message> found;
  while (auto element = reader.next()) found.push_back(std::get<Message>(*std::move(element)));
  EXPECT_EQ(reader.skipped_count(), 0);
  return found;
}

struct Known {
  std::string_view name;
  std::string_view text;
  std::vector<int> statuses;
  std::vector<std::string> media;
  std::string_view control;  // control of the video
  std::string_view url;      // URL of the video, as the camera writes it
};

const std::vector<Known>& servers() {
  static const std::vector<Known> all{
      {"gst-rtsp-server",
       kGStreamer,
       {200, 200, 200, 200},
       {"video H264"},
       "stream=0",
       "rtsp://127.0.0.1:8554/camera/stream=0"},
      {"audio first",
       kAudioFirst,
       {200, 200, 200, 200},
       {"audio PCMU", "video H264"},
       "stream=1",
       "rtsp://127.0.0.1:8554/audio_first/stream=1"},
      {"VLC",
       kVlc,
       {200, 200, 461, 200, 200},
       {"video H264"},
       "rtsp://127.0.0.1:48273/live/trackID=0",
       "rtsp://127.0.0.1:48273/live/trackID=0"},
      {"live555",
       kLive555,
       {200, 200, 200, 200},
       {"video H264"},
       "track1",
       "rtsp://127.0.0.1/live.264/track1"},
      {"live555's proxy",
       kLive555Proxy,
       {200, 200, 200, 454},
       {"video H264"},
       "track1",
       "rtsp://127.0.0.1:43727/proxyStream/track1"},
      {"MediaMTX",
       kMediaMtx,
       {200, 401, 200, 200, 200},
       {"video H264"},
       "trackID=0",
       "rtsp://127.0.0.1:8554/guarded/trackID=0"},
  };
  return all;
}

TEST(RtspServersOfOthers, AnswersAreSeparatedAndNumbered) {
  for (const auto& server : servers()) {
    std::vector<int> statuses;
    int before = 0;
    for (const auto& message : messages_of(server.text)) {
      statuses.push_back(message.status);
      EXPECT_EQ(message.sequence(), ++before) << server.name;
    }
    EXPECT_EQ(statuses, server.statuses) << server.name;
  }
}

TEST(RtspServersOfOthers, DescriptionsNameTheVideoAndItsUrl) {
  for (const auto& server : servers()) {
    const auto messages = messages_of(server.text);
    const auto described =
        std::ranges::find_if(messages, [](const Message& one) { return !one.body.empty(); });
    ASSERT_NE(described, messages.end()) << server.name;
    const auto& answer = *described;
    const auto description = parse_sdp(answer.body);
    std::vector<std::string> media;
    for (const auto& one : description.media) media.push_back(one.kind + " " + one.encoding);
    ASSERT_EQ(media, server.media) << server.name;
    const auto& video = description.media.back();
    EXPECT_EQ(video.payload_type, 96) << server.name;
    EXPECT_EQ(video.clock, 90000) << server.name;
    EXPECT_EQ(video.control, server.control) << server.name;
    EXPECT_NE(video.format.find("sprop-parameter-sets="), std::string::npos) << server.name;
    const auto base = base_url("rtsp://127.0.0.1/asked", answer.header("content-base"), {});
    EXPECT_EQ(control_url(base, video.control), server.url) << server.name;
  }
}

TEST(RtspServersOfOthers, ChallengesAreKnown) {
  const auto messages = messages_of(kMediaMtx);
  const auto challenges = parse_challenges(messages.at(1).find_headers("www-authenticate"));
  ASSERT_EQ(challenges.size(), 1);
  EXPECT_TRUE(challenges[0].digest);
  EXPECT_EQ(challenges[0].realm, "ipcam");
  EXPECT_EQ(challenges[0].hash, DigestHash::Md5);
  EXPECT_FALSE(challenges[0].qop);
}

TEST(RtspServersOfOthers, TransportsNameChannelsOrPorts) {
  for (const auto& server : servers()) {
    const auto messages = messages_of(server.text);
    const auto found = std::ranges::find_if(
        messages, [](const Message& message) { return !message.header("transport").empty(); });
    ASSERT_NE(found, messages.end()) << server.name;
    const auto transport = parse_transport(found->header("transport"));
    EXPECT_FALSE(transport.multicast) << server.name;
    EXPECT_FALSE(found->header("session").empty()) << server.name;
    if (server.text == kVlc) {
      EXPECT_FALSE(transport.tcp);
      EXPECT_GT(transport.server_port, 0);
      EXPECT_EQ(transport.server_control_port, transport.server_port + 1);
    } else {
      EXPECT_TRUE(transport.tcp) << server.name;
      EXPECT_EQ(transport.channel, 0) << server.name;
    }
  }
}

}  // namespace
}  // namespace freshframe::media::rtsp::test
