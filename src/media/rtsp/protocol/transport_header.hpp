// The Transport header of an answer to SETUP (RFC 2326, section 12.39): where the packets come from.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace freshframe::media::rtsp {

struct TransportAnswer {
  bool tcp = false;  // interleaved in the connection
  bool multicast = false;
  std::optional<std::uint8_t> channel{};  // of RTP; RTCP has the next one
  std::optional<std::uint8_t> control_channel{};
  int server_port = 0;          // of RTP; 0: not told
  int server_control_port = 0;  // of RTCP
  std::string source{};         // the address that sends; empty: the server's
};

/// Any text gives an answer. Of several transports the first.
[[nodiscard]] TransportAnswer parse_transport(std::string_view header);

}  // namespace freshframe::media::rtsp
