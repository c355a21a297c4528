// The Transport header of an answer to SETUP (RFC 2326, section 12.39): where the packets come from.
// SPDX-License-Identifier: Apache-2.0
#include "media/rtsp/protocol/transport_header.hpp"

#include <utility>

#include "core/ascii.hpp"

namespace freshframe::media::rtsp {
namespace {

/// "4-5", or "4" alone.
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
    // "0-1" is what some servers write that know no port yet.
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
