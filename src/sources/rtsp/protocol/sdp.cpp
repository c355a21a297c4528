// Parses SDP (RFC 4566, RFC 8866) as cameras write it.
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/protocol/sdp.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <utility>

#include "core/ascii.hpp"

namespace freshframe::media::rtsp {

namespace {

constexpr std::size_t kMostMedia = 64;
constexpr long kLastPayloadType = 127;  // RFC 3550, section 5.1: 7 bits
constexpr long kFastestClock = 1'000'000'000;
constexpr double kFastestRate = 1000;  // frames per second

/// Payload types that do not need "a=rtpmap" (RFC 3551, table 5).
struct StaticType {
  std::uint8_t type;
  std::string_view encoding;
};
constexpr std::array<StaticType, 3> kStaticVideo{{{26, "JPEG"}, {31, "H261"}, {34, "H263"}}};
constexpr int kVideoClock = 90000;

/// Removes and returns the first word.
std::string_view take_word(std::string_view& text) {
  text = core::trimmed(text);
  const auto word = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(word.size() + 1, text.size()));
  return word;
}

std::string capitals(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return result;
}

/// Parses "m=video 0 RTP/AVP 96 97". Uses the first payload type.
Media parse_media(std::string_view text) {
  Media media;
  media.kind = core::lower_case(take_word(text));
  take_word(text);  // port
  media.protocol = capitals(take_word(text));
  media.encrypted = media.protocol.find("SAVP") != std::string::npos;
  media.payload_type =
      static_cast<std::uint8_t>(core::number_at(take_word(text), kLastPayloadType).value_or(0));
  for (const auto& one : kStaticVideo) {
    if (media.kind != "video" || one.type != media.payload_type) continue;
    media.encoding = one.encoding;
    media.clock = kVideoClock;
  }
  return media;
}

/// Parses "96 H264/90000".
void parse_rtpmap(std::string_view text, Media& media) {
  if (core::number_at(take_word(text), kLastPayloadType) != long{media.payload_type}) return;
  text = core::trimmed(text);
  const auto slash = text.find('/');
  media.encoding = capitals(core::trimmed(text.substr(0, slash)));
  if (slash == std::string_view::npos) return;
  media.clock = static_cast<int>(core::number_at(text.substr(slash + 1), kFastestClock).value_or(0));
}

void parse_rate(std::string_view text, Media& media) {
  double rate = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate);
  if (error == std::errc() && rate > 0 && rate <= kFastestRate) media.rate = rate;
}

/// Stores the string after a payload type's number, if this is the payload type of `media`.
void parse_typed(std::string_view text, const Media& media, std::string& into) {
  if (core::number_at(take_word(text), kLastPayloadType) == long{media.payload_type})
    into = core::trimmed(text);
}

/// Parses "96 nack pli" and "* nack pli".
void parse_feedback(std::string_view text, Media& media) {
  const auto type = take_word(text);
  const bool own = type == "*" || core::number_at(type, kLastPayloadType) == long{media.payload_type};
  if (own && take_word(text) == "nack" && take_word(text) == "pli") media.takes_pli = true;
}

/// Parses "a=NAME:VALUE" of a media section.
void parse_attribute(std::string_view name, std::string_view value, Media& media) {
  if (name == "control") media.control = value;
  if (name == "rtpmap") parse_rtpmap(value, media);
  if (name == "fmtp") parse_typed(value, media, media.format);
  if (name == "framesize") parse_typed(value, media, media.frame_size);
  if (name == "framerate") parse_rate(value, media);
  if (name == "rtcp-fb") parse_feedback(value, media);
  if (name == "crypto") media.encrypted = true;
}

}  // namespace

Description parse_sdp(std::string_view given) {
  // A control character in a control URL could inject a header into the request that repeats it.
  std::string clean(given);
  std::ranges::replace_if(clean, [](unsigned char c) { return c < ' '; }, '\n');
  std::string_view text(clean);
  Description result;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = core::trimmed(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.size() < 2 || line[1] != '=') continue;
    const auto value = core::trimmed(line.substr(2));
    if (line[0] == 'm') {
      if (result.media.size() == kMostMedia) break;
      result.media.push_back(parse_media(value));
    }
    if (line[0] != 'a') continue;
    const auto colon = value.find(':');
    if (colon == std::string_view::npos) continue;
    const auto name = core::lower_case(core::trimmed(value.substr(0, colon)));
    const auto rest = core::trimmed(value.substr(colon + 1));
    if (!result.media.empty()) {
      parse_attribute(name, rest, result.media.back());
    } else if (name == "control") {
      result.control = rest;
    }
  }
  return result;
}

std::string make_sdp(const Media& media) {
  const auto type = std::to_string(media.payload_type);
  std::string text = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n";
  text += "m=video 0 RTP/AVP " + type + "\r\n";
  text += "a=rtpmap:" + type + " " + media.encoding + "/" + std::to_string(media.clock) + "\r\n";
  if (!media.format.empty()) text += "a=fmtp:" + type + " " + media.format + "\r\n";
  if (!media.frame_size.empty()) text += "a=framesize:" + type + " " + media.frame_size + "\r\n";
  return text;
}

// Parses the Transport header of a SETUP response (RFC 2326, section 12.39): where the packets come from.

namespace {

/// Parses "4-5" or "4".
std::pair<std::optional<long>, std::optional<long>> parse_pair(std::string_view text, long most) {
  const auto dash = text.find('-');
  const auto first = core::number_at(text, most);
  return {first,
          dash == std::string_view::npos ? std::nullopt : core::number_at(text.substr(dash + 1), most)};
}

void parse_parameter(std::string_view name, std::string_view value, TransportAnswer& answer) {
  constexpr long kLastChannel = 255;
  constexpr long kLastPort = 65535;
  if (name == "multicast") answer.multicast = true;
  if (name == "source") answer.source = value;
  if (name == "interleaved") {
    const auto [first, second] = parse_pair(value, kLastChannel);
    if (!first) return;
    answer.tcp = true;
    answer.channel = static_cast<std::uint8_t>(*first);
    answer.control_channel = static_cast<std::uint8_t>(second.value_or((*first + 1) & kLastChannel));
  }
  if (name == "server_port") {
    const auto [first, second] = parse_pair(value, kLastPort);
    answer.server_port = static_cast<int>(first.value_or(0));
    answer.server_control_port = static_cast<int>(second.value_or(0));
    // Some servers write "0-1" if they do not know the port yet.
    if (answer.server_port == 0) answer.server_control_port = 0;
  }
}

}  // namespace

TransportAnswer parse_transport(std::string_view header) {
  TransportAnswer answer;
  header = header.substr(0, header.find(','));
  bool first = true;
  while (!header.empty()) {
    const auto end = header.find(';');
    const auto part = core::trimmed(header.substr(0, end));
    header = end == std::string_view::npos ? std::string_view() : header.substr(end + 1);
    const auto equals = part.find('=');
    const auto name = core::lower_case(core::trimmed(part.substr(0, equals)));
    if (std::exchange(first, false)) {
      answer.tcp = name.ends_with("/tcp");
    } else {
      parse_parameter(
          name,
          equals == std::string_view::npos ? std::string_view() : core::trimmed(part.substr(equals + 1)),
          answer);
    }
  }
  return answer;
}

}  // namespace freshframe::media::rtsp
