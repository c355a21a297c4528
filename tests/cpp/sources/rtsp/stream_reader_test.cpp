// Messages and packets of an RTSP connection, and what cameras send between them.
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/protocol/stream_reader.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::media::rtsp::test {
namespace {

void give(StreamReader& reader, std::string_view bytes) {
  const auto room = reader.room(bytes.size());
  std::ranges::copy(bytes, room.begin());
  reader.add_filled(bytes.size());
}

/// Returns an interleaved RTP packet with this payload type.
std::string interleaved(std::uint8_t channel, std::string_view payload, std::uint8_t type = 96) {
  std::string packet{'\x80', static_cast<char>(type)};
  packet.append(10, '\1').append(payload);
  std::string result{'$', static_cast<char>(channel), static_cast<char>(packet.size() >> 8U),
                     static_cast<char>(packet.size())};
  return result + packet;
}

/// Returns what was read: "200" for a response, "OPTIONS" for a request, "#0:5" for an RTP packet with five bytes of
/// payload on channel 0.
std::vector<std::string> read_all(StreamReader& reader) {
  std::vector<std::string> seen;
  while (const auto element = reader.next()) {
    if (const auto* message = std::get_if<Message>(&*element)) {
      seen.push_back(message->is_request() ? message->method : std::to_string(message->status));
    } else {
      const auto& packet = std::get<Interleaved>(*element);
      seen.push_back("#" + std::to_string(packet.channel) + ":" + std::to_string(packet.bytes.size() - 12));
    }
  }
  return seen;
}

using Seen = std::vector<std::string>;

TEST(RtspStreamReader, SeparatesAnswersRequestsAndPackets) {
  StreamReader reader;
  give(reader, "RTSP/1.0 200 OK\r\nCSeq: 3\r\nContent-Length: 4\r\n\r\nv=0\n" + interleaved(0, "hello") +
                   "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n" + interleaved(1, "") +
                   "RTSP/1.0 404 Not Found\r\n\r\n");
  EXPECT_EQ(read_all(reader), (Seen{"200", "#0:5", "OPTIONS", "#1:0", "404"}));
  EXPECT_EQ(reader.skipped_count(), 0);
}

TEST(RtspStreamReader, AnswersTheSameWhateverTheSizeOfThePieces) {
  const auto all = "RTSP/1.0 200 OK\r\nCSeq: 3\r\nContent-Length: 4\r\n\r\nv=0\n" + interleaved(0, "hello") +
                   "\r\n" + interleaved(0, "again") + "garbage" + interleaved(0, "third");
  for (std::size_t size = 1; size < all.size(); ++size) {
    StreamReader reader;
    reader.set_channels({{0, 96}, {1, {}}});
    Seen seen;
    for (std::size_t at = 0; at < all.size(); at += size) {
      give(reader, std::string_view(all).substr(at, size));
      for (auto& one : read_all(reader)) seen.push_back(std::move(one));
    }
    EXPECT_EQ(seen, (Seen{"200", "#0:5", "#0:5", "#0:5"})) << size;
    EXPECT_EQ(reader.skipped_count(), 7) << size;
  }
}

TEST(RtspStreamReader, ReadsTheHeadersOfAnAnswerThatIsBadlyWritten) {
  StreamReader reader;
  give(
      reader,
      "RTSP/1.0  401  Unauthorized \nCSEQ :7\nWWW-Authenticate: Digest a,\n\tb\nwww-authenticate: Basic\n\n");
  const auto element = reader.next();
  ASSERT_TRUE(element);
  const auto& answer = std::get<Message>(*element);
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.reason, "Unauthorized");
  EXPECT_EQ(answer.sequence(), 7);
  EXPECT_EQ(answer.find_headers("www-authenticate"), (std::vector<std::string_view>{"Digest a, b", "Basic"}));
}

TEST(RtspStreamReader, LetsNoControlCharacterIntoAHeader) {
  StreamReader reader;
  give(reader, "RTSP/1.0 200 OK\r\nSession: 1\rX-Header: 2\r\nContent-Base: a\tb\r\n\r\n");
  const auto element = reader.next();
  ASSERT_TRUE(element);
  EXPECT_EQ(std::get<Message>(*element).header("session"), "1");
  EXPECT_EQ(std::get<Message>(*element).header("content-base"), "a b");
}

TEST(RtspStreamReader, FindsThePacketsOfAssignedChannelsBehindOtherBytes) {
  StreamReader reader;
  reader.set_channels({{4, 96}, {5, {}}});
  // Between other bytes, a '$' counts only if it is followed by an RTP packet of the channel's payload type.
  give(reader, interleaved(4, "a") + std::string("xx$\4\0\2zz$", 9) + interleaved(4, "bb") + "yy" +
                   interleaved(9, "no") + "yy" + interleaved(4, "no", 97) + interleaved(4, "ccc"));
  EXPECT_EQ(read_all(reader), (Seen{"#4:1", "#4:2", "#4:3"}));
  EXPECT_GT(reader.skipped_count(), 8);
}

TEST(RtspStreamReader, BelievesAnUnassignedChannelWhereAPacketIsDue) {
  StreamReader reader;
  reader.set_channels({{0, 96}});
  give(reader, interleaved(0, "a") + interleaved(6, "bb") + interleaved(0, "c"));
  EXPECT_EQ(read_all(reader), (Seen{"#0:1", "#6:2", "#0:1"}));
}

TEST(RtspStreamReader, FindsAnAnswerBehindOtherBytes) {
  StreamReader reader;
  give(reader, "RTSP\r\nRTRTSP/1.0 200 OK\r\n\r\n");
  EXPECT_EQ(read_all(reader), (Seen{"200"}));
}

TEST(RtspStreamReader, SkipsWhatOnlyBeginsLikeAMessageWithoutEndlessCalls) {
  StreamReader reader;
  std::string many;
  for (int i = 0; i < 6000; ++i) many += "RTSP/x\n\n";
  give(reader, many + "RTSP/1.0 200 OK\r\n\r\n");
  EXPECT_EQ(read_all(reader), (Seen{"200"}));
}

TEST(RtspStreamReader, RefusesOtherProtocols) {
  StreamReader web;
  give(web, std::string(StreamReader::kMostSkipped + 1, 'x'));
  EXPECT_THROW(static_cast<void>(web.next()), NotRtsp);
  StreamReader endless;
  give(endless, "RTSP/1.0 200 OK\r\nA: " + std::string(StreamReader::kLongestHead, 'x'));
  EXPECT_THROW(static_cast<void>(endless.next()), NotRtsp);
  for (const auto* length : {"-1", "99999999999999999999", "1048577", "x"}) {
    StreamReader huge;
    give(huge, "RTSP/1.0 200 OK\r\nContent-Length: " + std::string(length) + "\r\n\r\n");
    EXPECT_THROW(static_cast<void>(huge.next()), NotRtsp) << length;
  }
}

TEST(RtspStreamReader, CountsOtherBytesInARowOnly) {
  StreamReader reader;
  reader.set_channels({{0, 96}});
  for (int i = 0; i < 4; ++i) {
    give(reader, std::string(StreamReader::kMostSkipped / 2, 'x') + interleaved(0, "a"));
    EXPECT_EQ(read_all(reader), (Seen{"#0:1"}));
  }
  EXPECT_EQ(reader.skipped_count(), 2 * StreamReader::kMostSkipped);
}

}  // namespace
}  // namespace freshframe::media::rtsp::test
