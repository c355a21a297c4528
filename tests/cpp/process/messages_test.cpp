// Messages: a message that was written can be read back, and any other bytes are rejected.
// SPDX-License-Identifier: Apache-2.0
#include "process/wire/messages.hpp"

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "core/utf8.hpp"
#include "cpp/support.hpp"
#include "process/wire/value.hpp"
#include <gtest/gtest.h>

namespace freshframe::process {
namespace {

std::vector<std::byte> bytes_of(const ByteWriter& writer) {
  return {writer.bytes().begin(), writer.bytes().end()};
}

RequestMessage request() {
  RequestMessage message{.id = 7, .lease = 7, .stamp = {}, .node = 2, .dropped = 5, .forms = {}, .value = {}};
  message.stamp = {.seq = 812,
                   .pts = 1.5,
                   .captured = TimePoint(TimePoint::duration(99)),
                   .source = 1,
                   .damaged = true,
                   .path = std::make_shared<const std::string>("a.png"),
                   .utc = {.seconds = 1.75e9, .error = 0.125F, .from = UtcFrom::Camera}};
  message.forms.push_back(
      {{.width = 5, .height = 3, .format = PixelFormat::Nv12}, {{1, 64, 64}, {1, 512, 64}}});
  message.value = {.kind = 1, .parts = {3}, .bytes = std::as_bytes(std::span("abc", 3))};
  return message;
}

template <class Message>
Message again(const Message& message, Message (*read)(ByteReader&)) {
  const auto bytes = bytes_of(write(message));
  static std::vector<std::byte> kept;  // the result's spans refer to it
  kept = bytes;
  ByteReader reader(kept);
  (void)reader.get<std::uint8_t>();
  return read(reader);
}

TEST(Messages, ARequestArrivesAsItWasSent) {
  const auto got = again(request(), &read<RequestMessage>);
  EXPECT_EQ(got.id, 7U);
  EXPECT_EQ(got.stamp.seq, 812);
  EXPECT_EQ(got.stamp.captured, TimePoint(TimePoint::duration(99)));
  EXPECT_TRUE(got.stamp.damaged);
  EXPECT_EQ(*got.stamp.path, "a.png");
  EXPECT_EQ(got.stamp.utc.seconds, 1.75e9);
  EXPECT_EQ(got.stamp.utc.error, 0.125F);
  EXPECT_EQ(got.stamp.utc.from, UtcFrom::Camera);
  EXPECT_EQ(got.dropped, 5U);
  ASSERT_EQ(got.forms.size(), 1U);
  EXPECT_EQ(got.forms[0].format, request().forms[0].format);
  EXPECT_EQ(got.forms[0].planes[1].offset, 512U);
  EXPECT_EQ(got.value.size(), 3U);
  EXPECT_EQ(got.value.bytes[2], std::byte{'c'});
}

TEST(Messages, AReplyArrivesAsItWasSent) {
  ReplyMessage message;
  message.id = 9;
  message.kind = ResultKind::Picture;
  message.released = {1, 2};
  message.picture = {.width = 4, .height = 2, .format = PixelFormat::Rgb};
  const auto got = again(message, &read<ReplyMessage>);
  EXPECT_EQ(got.id, 9U);
  EXPECT_EQ(got.picture, message.picture);
  EXPECT_EQ(got.released, message.released);
}

TEST(Messages, AFailureArrivesAsItWasSentAndItsTextsHaveALimit) {
  FailedMessage message{
      .id = 3, .text = std::string(100'000, 'x'), .traceback = "here", .error = {}, .released = {}};
  message.is_device_error = true;
  const auto got = again(message, &read<FailedMessage>);
  EXPECT_EQ(got.text.size(), kMostText);
  EXPECT_EQ(got.traceback, "here");
  EXPECT_TRUE(got.is_device_error);
  EXPECT_EQ(got.error.kind, kNoValue);
}

TEST(Messages, TextsArriveAsUtf8AndPathsAsTheyAre) {
  for (const std::size_t shift : {0U, 1U, 2U}) {  // so that the limit cuts a character at each possible byte
    FailedMessage message{.id = 3, .text = std::string(shift, 'x'), .traceback = "caf\xE9", .released = {}};
    while (message.text.size() < 20'000) message.text += "\u3042";
    const auto got = again(message, &read<FailedMessage>);
    EXPECT_LE(got.text.size(), kMostText);
    EXPECT_GT(got.text.size(), kMostText - 3);
    EXPECT_EQ(got.text, message.text.substr(0, got.text.size()));
    EXPECT_TRUE(core::is_utf8(got.text));
    EXPECT_EQ(got.traceback, "caf\uFFFD");
  }
  const auto log = again(LogMessage{30, "\xFF", std::string("a\0b\xED\xB3\xBF", 6)}, &read<LogMessage>);
  EXPECT_EQ(log.logger, "\uFFFD");
  EXPECT_EQ(log.text, std::string("a\0b", 3) + "\uFFFD\uFFFD\uFFFD");
  auto with_path = request();
  with_path.stamp.path = std::make_shared<const std::string>("caf\xE9.png");
  EXPECT_EQ(*again(with_path, &read<RequestMessage>).stamp.path, "caf\xE9.png");
}

TEST(Messages, ARequestHasTheArrivalsOfItsSources) {
  auto tick = request();
  tick.call = Call::OnTick;
  tick.arrivals = {{3, 1.5}, {5, 2.25}};
  const auto arrivals = again(tick, &read<RequestMessage>).arrivals;
  ASSERT_EQ(arrivals.size(), 2U);
  EXPECT_EQ(arrivals[0].source, 3);
  EXPECT_EQ(arrivals[1].until, 2.25);
}

TEST(Messages, ThatEndAnywhereAreRefused) {
  const auto whole = bytes_of(write(request()));
  for (std::size_t size = 1; size < whole.size(); ++size) {
    ByteReader reader{std::span(whole).first(size)};
    (void)reader.get<std::uint8_t>();
    EXPECT_THROW((void)read<RequestMessage>(reader), ProtocolError) << size;
  }
  auto longer = whole;
  longer.push_back(std::byte{0});
  ByteReader reader(longer);
  (void)reader.get<std::uint8_t>();
  EXPECT_THROW((void)read<RequestMessage>(reader), ProtocolError);
}

TEST(Messages, OfAnyBytesAreReadOrRefused) {
  std::mt19937 random(11);
  const auto whole = bytes_of(write(request()));
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = whole;
    for (int change = 0; change < 3; ++change)
      bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    ByteReader reader(bytes);
    try {
      if (read_to_worker(reader) != ToWorker::Request) continue;
      const auto message = read<RequestMessage>(reader);
      EXPECT_LE(message.forms.size(), static_cast<std::size_t>(kPixelFormats));
    } catch (const ProtocolError&) {  // rejected, which is fine
    }
  }
}

TEST(Messages, AMessageWithoutFieldsHasNoBytesBehindItsKind) {
  EXPECT_EQ(bytes_of(write(OpenedMessage{})).size(), 1U);
  const std::vector<std::byte> more(1);
  ByteReader opened(more);
  EXPECT_THROW((void)read<OpenedMessage>(opened), ProtocolError);
  ByteReader closed(more);
  EXPECT_THROW((void)read<ClosedMessage>(closed), ProtocolError);
}

TEST(Messages, NoPictureHasASideThatIsNegativeOrZero) {
  for (const int width : {-1, 0, (1 << 16) + 1}) {
    ReplyMessage message;
    message.kind = ResultKind::Picture;
    message.picture = {.width = width, .height = 2};
    EXPECT_THROW((void)again(message, &read<ReplyMessage>), ProtocolError) << width;
  }
}

TEST(Messages, ANodeHasANumberThatATableHasRoomFor) {
  EXPECT_EQ(again(NodeMessage{7, "camera", "door"}, &read<NodeMessage>).number, 7);
  EXPECT_THROW((void)again(NodeMessage{-1, "camera", ""}, &read<NodeMessage>), ProtocolError);
  EXPECT_THROW((void)again(NodeMessage{std::numeric_limits<int>::max(), "camera", ""}, &read<NodeMessage>),
               ProtocolError);
}

TEST(Messages, NoPlaneHasAStrideShorterThanItsRow) {
  auto message = request();
  message.forms[0].planes[0].stride = 4;
  EXPECT_THROW((void)again(message, &read<RequestMessage>), ProtocolError);
  message.forms[0].planes[0].stride = -64;
  EXPECT_THROW((void)again(message, &read<RequestMessage>), ProtocolError);
}

TEST(Messages, NoPictureIsWithoutALease) {
  auto message = request();
  message.lease = 0;
  EXPECT_THROW((void)again(message, &read<RequestMessage>), ProtocolError);
}

TEST(Messages, NoValueIsLargerInsideThanAllowed) {
  std::vector<std::byte> large(kMostInline + 1);
  auto message = request();
  message.value = {.kind = 1, .parts = {large.size()}, .bytes = large};
  EXPECT_THROW((void)again(message, &read<RequestMessage>), ProtocolError);
}

TEST(Messages, NothingLiesOutsideItsMemory) {
  EXPECT_NO_THROW(check_within(10, 90, 100, "it"));
  EXPECT_THROW(check_within(11, 90, 100, "it"), ProtocolError);
  EXPECT_THROW(check_within(~std::uint64_t{0}, 2, 100, "it"), ProtocolError);
  EXPECT_THROW(check_within(0, 101, 100, "it"), ProtocolError);
}

TEST(Values, AreCopiedInTheirParts) {
  const std::string first = "first";
  const std::string second = "2";
  const EncodedValue value{1, {std::as_bytes(std::span(first)), {}, std::as_bytes(std::span(second))}, {}};
  std::vector<std::byte> joined(value.size());
  value.copy_to(joined.data());
  const ReceivedValue got({.kind = 1, .parts = value.sizes(), .bytes = joined}, 100);
  ASSERT_EQ(got.parts().size(), 3U);
  EXPECT_EQ(got.parts()[0].size(), 5U);
  EXPECT_EQ(got.parts()[1].size(), 0U);
  EXPECT_EQ(got.parts()[2][0], std::byte{'2'});
  EXPECT_THROW(ReceivedValue({.kind = 1, .parts = value.sizes(), .bytes = joined}, 5), ProtocolError);
}

}  // namespace
}  // namespace freshframe::process
