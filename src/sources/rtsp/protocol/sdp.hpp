// Parses SDP (RFC 4566, RFC 8866) as cameras write it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::media::rtsp {

/// An "m=" line and its attributes.
struct Media {
  std::string kind;      // "video"
  std::string protocol;  // "RTP/AVP"
  std::uint8_t payload_type = 0;
  std::string encoding;        // encoding name in upper case, such as "H264"; empty if not given
  int clock = 0;               // ticks per second; 0 if not given
  std::string format;          // value of "a=fmtp", after the payload type
  std::string control;         // value of "a=control"
  std::string frame_size;      // value of "a=framesize", after the payload type
  std::optional<double> rate;  // frames per second, from "a=framerate"
  bool takes_pli = false;      // picture loss indications are accepted (RFC 4585, section 4.2)
  bool encrypted = false;      // SRTP (RFC 3711, 4568)
};

struct Description {
  std::string control;  // control URL of the whole presentation; may be empty
  std::vector<Media> media;
};

/// Ignores unknown and missing lines: any string yields a description.
[[nodiscard]] Description parse_sdp(std::string_view given);

/// Writes SDP that contains only this media line, for FFmpeg's depacketiser.
[[nodiscard]] std::string make_sdp(const Media& media);

// Parses the Transport header of a SETUP response (RFC 2326, section 12.39): where the packets come from.

struct TransportAnswer {
  bool tcp = false;  // interleaved in the RTSP connection
  bool multicast = false;
  std::optional<std::uint8_t> channel{};  // channel of RTP; RTCP uses the next one
  std::optional<std::uint8_t> control_channel{};
  int server_port = 0;          // port of RTP; 0 if not given
  int server_control_port = 0;  // of RTCP
  std::string source{};         // address that sends packets; empty if it is the server's
};

/// Any string yields a result. Uses the first of several transports.
[[nodiscard]] TransportAnswer parse_transport(std::string_view header);

}  // namespace freshframe::media::rtsp
