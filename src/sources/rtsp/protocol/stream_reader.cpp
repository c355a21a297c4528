// Splits the bytes of an RTSP connection into messages and interleaved packets (RFC 2326, 10.12).
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/protocol/stream_reader.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/ascii.hpp"
#include "core/utf8.hpp"
#include "media/ffmpeg/log.hpp"

namespace freshframe::media::rtsp {
namespace {

constexpr std::size_t kPacketHead = 4;  // '$', channel, length
/// Channel numbers are small. A '$' before a larger unassigned channel is not a packet.
constexpr std::uint8_t kMostChannels = 32;

/// What a message starts with: a response, or a request that a server may send.
constexpr std::array<std::string_view, 7> kBeginnings{
    "RTSP/", "OPTIONS ", "ANNOUNCE ", "REDIRECT ", "GET_PARAMETER ", "SET_PARAMETER ", "TEARDOWN "};

std::string_view as_text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::size_t read_packet_length(std::span<const std::uint8_t> head) {
  return std::size_t{head[2]} << 8U | head[3];
}

/// Returns true for RTP (RFC 3550, section 5.1) or RTCP (section 6.4.1) of this channel.
bool is_media(std::span<const std::uint8_t> bytes, const Channel& channel) {
  constexpr std::uint8_t kFirstReport = 200;
  constexpr std::uint8_t kLastReport = 207;  // extended reports (RFC 3611)
  if (bytes[0] >> 6U != 2) return false;
  if (!channel.payload_type) return bytes[1] >= kFirstReport && bytes[1] <= kLastReport;
  return (bytes[1] & 0x7FU) == *channel.payload_type;
}

/// Returns the end of the empty line after the headers, or npos.
std::size_t find_head_end(std::string_view text, std::size_t from) {
  for (auto at = text.find('\n', from); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    const auto next = text.substr(at + 1, 2);
    if (next.starts_with('\n')) return at + 2;
    if (next == "\r\n") return at + 3;
  }
  return std::string_view::npos;
}

}  // namespace

std::span<std::uint8_t> StreamReader::room(std::size_t size) {
  if (begin_ == filled_) begin_ = filled_ = 0;
  if (begin_ > 0 && buffer_.size() - filled_ < size) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, filled_ - begin_);
    filled_ -= std::exchange(begin_, 0);
  }
  if (buffer_.size() - filled_ < size) buffer_.resize(filled_ + size);
  return std::span(buffer_).subspan(filled_, size);
}

std::optional<StreamReader::Element> StreamReader::next() {
  if (pending_) return take_body();
  while (begin_ < filled_) {
    switch (look()) {
      case Sight::Packet:
        return take_packet();
      case Sight::Head:
        if (!read_head()) return std::nullopt;
        if (pending_) return take_body();
        break;
      case Sight::TooShort:
        return std::nullopt;
      case Sight::Nothing:
        skip();
        break;
    }
  }
  return std::nullopt;
}

StreamReader::Sight StreamReader::look() const {
  const auto text = as_text(rest());
  if (text.front() == '$') return look_for_packet();
  for (const auto beginning : kBeginnings) {
    if (text.starts_with(beginning)) return Sight::Head;
    if (beginning.starts_with(text)) return Sight::TooShort;
    if (astray_) break;  // after an error, resume only at a response
  }
  return Sight::Nothing;
}

StreamReader::Sight StreamReader::look_for_packet() const {
  constexpr std::size_t kLooked = 2;  // bytes needed to recognise a packet
  const auto bytes = rest();
  if (bytes.size() < kPacketHead) return Sight::TooShort;
  const auto channel = std::ranges::find(channels_, bytes[1], &Channel::number);
  if (!astray_) {
    const bool believed = channel != channels_.end() || bytes[1] < kMostChannels;
    return believed ? Sight::Packet : Sight::Nothing;
  }
  if (channel == channels_.end() || read_packet_length(bytes) < kLooked) return Sight::Nothing;
  if (bytes.size() < kPacketHead + kLooked) return Sight::TooShort;
  return is_media(bytes.subspan(kPacketHead), *channel) ? Sight::Packet : Sight::Nothing;
}

std::optional<StreamReader::Element> StreamReader::take_packet() {
  const auto bytes = rest();
  const auto length = read_packet_length(bytes);
  if (bytes.size() < kPacketHead + length) return std::nullopt;
  astray_ = false;
  skipped_in_row_ = 0;
  begin_ += kPacketHead + length;
  return Interleaved{bytes[1], bytes.subspan(kPacketHead, length)};
}

/// Parses a message. Returns false if more bytes are needed. Skips bytes that only look like one.
bool StreamReader::read_head() {
  const auto text = as_text(rest());
  const auto end = find_head_end(text, looked_);
  if (std::min(end, text.size()) > kLongestHead) throw NotRtsp("a message with more than 64 KiB of headers");
  if (end == std::string_view::npos) {
    // A trailing "\n\r" may be part of the empty line.
    looked_ = text.size() - std::min<std::size_t>(text.size(), 3);
    return false;
  }
  looked_ = 0;
  pending_ = parse_head(text.substr(0, end));
  if (!pending_) {
    astray_ = true;
    skip();
    return true;
  }
  astray_ = false;
  skipped_in_row_ = 0;
  begin_ += end;
  const auto length = pending_->header("content-length");
  const auto size =
      length.empty() ? std::optional(0L) : core::number_at(length, static_cast<long>(kLongestBody));
  if (!size)
    throw NotRtsp("a message with the invalid length '" + visible_text(core::first_letters(length, 20)) +
                  "'");
  body_size_ = static_cast<std::size_t>(*size);
  return true;
}

std::optional<StreamReader::Element> StreamReader::take_body() {
  const auto text = as_text(rest());
  if (text.size() < body_size_) return std::nullopt;
  pending_->body = text.substr(0, body_size_);
  begin_ += body_size_;
  return std::exchange(pending_, std::nullopt);
}

/// Skips and counts one byte. Empty lines between messages are not counted.
void StreamReader::skip() {
  const auto byte = buffer_[begin_++];
  if (!astray_ && (byte == '\r' || byte == '\n')) return;
  astray_ = true;
  ++skipped_;
  if (++skipped_in_row_ > kMostSkipped)
    throw NotRtsp("more than 64 KiB of data that is neither a message nor a packet");
}

}  // namespace freshframe::media::rtsp
