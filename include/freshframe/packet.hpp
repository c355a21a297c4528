// A packet: one encoded picture, as the camera has sent it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/sample.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace freshframe {

/// The stream that packets belong to. Packets with equal parameters can be decoded by one decoder. Immutable.
struct PacketStream {
  std::string codec;   // FFmpeg's name: "h264", "hevc", "mjpeg", ...
  std::string format;  // "annexb" (start codes), "avcc" (lengths), "raw" (neither)
  int width = 0;       // pixels; 0 if unknown
  int height = 0;
  std::vector<std::uint8_t> extradata = {};  // parameter sets, as the format has them
  std::shared_ptr<const void> native = {};   // FFmpeg's AVCodecParameters, of the library's own FFmpeg
};

/// One encoded picture. Copies share the bytes. Immutable.
struct Packet {
  std::span<const std::uint8_t> data;
  double pts = 0;            // seconds, as of its frame
  double dts = 0;            // seconds: rising by the packets, at most pts
  double duration = 0;       // seconds; 0 if unknown
  bool is_keyframe = false;  // decoding can begin with it
  /// A part of its picture, or of a picture that it was predicted from, was lost on its way here.
  bool damaged = false;
  std::shared_ptr<const PacketStream> stream;
  std::shared_ptr<const void> owner = {};  // owner of data: FFmpeg's AVPacket
};

template <>
inline constexpr std::string_view kTypeName<Packet> = "Packet";

}  // namespace freshframe
