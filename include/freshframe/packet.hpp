// Packet: one encoded frame, as the camera sent it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/sample.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace freshframe {

/// Describes the stream of a packet. One decoder can decode all packets with equal parameters. Immutable.
struct PacketStream {
  std::string codec;   // FFmpeg's name: "h264", "hevc", "mjpeg", ...
  std::string format;  // "annexb" (start codes), "avcc" (length prefixes) or "raw" (neither)
  int width = 0;       // pixels; 0 if unknown
  int height = 0;
  std::vector<std::uint8_t> extradata = {};  // parameter sets, in the layout of `format`
  /// AVCodecParameters of the FFmpeg that this library was built with.
  std::shared_ptr<const void> native = {};
};

/// One encoded frame. Copies share the bytes. Immutable.
struct Packet {
  std::span<const std::uint8_t> data;
  double pts = 0;            // seconds, equal to the frame's pts
  double dts = 0;            // seconds; increases from packet to packet, never above pts
  double duration = 0;       // seconds; 0 if unknown
  bool is_keyframe = false;  // decoding can start here
  /// Part of this frame, or of one that it depends on, was lost in transit.
  bool damaged = false;
  std::shared_ptr<const PacketStream> stream;
  std::shared_ptr<const void> owner = {};  // keeps `data` alive: FFmpeg's AVPacket
};

template <>
inline constexpr std::string_view kTypeName<Packet> = "Packet";

}  // namespace freshframe
