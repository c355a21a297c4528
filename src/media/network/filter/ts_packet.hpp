// The head of a packet of a transport stream (ISO/IEC 13818-1, 2.4.3).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "media/units/unit_facts.hpp"

namespace freshframe::media {

struct TsPacket {
  int pid = 0;          // of its stream
  bool starts = false;  // a table, or a packet of the elementary stream, begins here
  bool scrambled = false;
  bool stuffed = false;      // its adaptation field is longer than what it holds
  std::uint8_t counter = 0;  // continuity_counter
  Bytes payload;             // may be empty
};

inline constexpr std::size_t kTsPacketSize = 188;
inline constexpr std::uint8_t kTsSync = 0x47;
inline constexpr int kTsPids = 1 << 13;

/// `bytes`: kTsPacketSize of them, of which the first is kTsSync.
[[nodiscard]] TsPacket parse_ts_packet(Bytes bytes) noexcept;

/// A picture of video begins with this payload of a packet that starts.
[[nodiscard]] bool begins_video(Bytes payload) noexcept;

/// A packet that begins another picture in this stream without any of it: the demuxer gives the one before.
/// It does not count in the stream's order.
[[nodiscard]] std::array<std::uint8_t, kTsPacketSize> ts_packet_that_ends(const TsPacket& last) noexcept;

}  // namespace freshframe::media
