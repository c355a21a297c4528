// The description of a presentation (SDP: RFC 4566, RFC 8866), as cameras write it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::media::rtsp {

/// One "m=" line and what follows it.
struct Media {
  std::string kind;      // "video"
  std::string protocol;  // "RTP/AVP"
  std::uint8_t payload_type = 0;
  std::string encoding;        // in capital letters: "H264"; empty means not named
  int clock = 0;               // ticks per second; 0 if not named
  std::string format;          // text of "a=fmtp", after the payload type
  std::string control;         // text of "a=control"
  std::string frame_size;      // text of "a=framesize", after the payload type
  std::optional<double> rate;  // frames per second, of "a=framerate"
  bool takes_pli = false;      // a receiver may report that pictures are lost (RFC 4585, section 4.2)
  bool encrypted = false;      // SRTP (RFC 3711, 4568)
};

struct Description {
  std::string control;  // control of the whole presentation, or ""
  std::vector<Media> media;
};

/// Lines that it does not know are ignored, as are lines that are missing. Any text gives a description.
[[nodiscard]] Description parse_sdp(std::string_view given);

/// "H264, 90000 Hz" of a media line that a depacketiser of FFmpeg reads, and only that, as SDP for FFmpeg.
[[nodiscard]] std::string make_sdp(const Media& media);

// The Transport header of an answer to SETUP (RFC 2326, section 12.39): where the packets come from.

struct TransportAnswer {
  bool tcp = false;  // interleaved in the connection
  bool multicast = false;
  std::optional<std::uint8_t> channel{};  // channel of RTP; RTCP has the next one
  std::optional<std::uint8_t> control_channel{};
  int server_port = 0;          // port of RTP; 0 if not given
  int server_control_port = 0;  // port of RTCP
  std::string source{};         // the address that sends; empty means the server's
};

/// Any text gives an answer. Of several transports the first.
[[nodiscard]] TransportAnswer parse_transport(std::string_view header);

}  // namespace freshframe::media::rtsp
