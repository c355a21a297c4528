// The head of a packet of a transport stream (ISO/IEC 13818-1, 2.4.3).
// SPDX-License-Identifier: Apache-2.0
#include "media/network/filter/ts_packet.hpp"

namespace freshframe::media {
namespace {

constexpr std::size_t kHeader = 4;
constexpr unsigned kUnitStart = 0x40;   // payload_unit_start_indicator
constexpr unsigned kScrambling = 0xC0;  // transport_scrambling_control
constexpr unsigned kHasField = 0x20;    // adaptation_field_control
constexpr unsigned kHasPayload = 0x10;

/// Whether an adaptation field has bytes of stuffing (2.4.3.4). `field`: behind its length.
bool is_stuffed(Bytes field) noexcept {
  if (field.empty()) return true;  // the length alone, 0: one byte of stuffing
  const unsigned flags = field[0];
  if (field.size() == 1) return flags == 0;
  std::size_t used = 1;
  if ((flags & 0x10U) != 0) used += 6;  // PCR
  if ((flags & 0x08U) != 0) used += 6;  // OPCR
  if ((flags & 0x04U) != 0) used += 1;  // splice_countdown
  const auto skip_with_length = [&] { used += used < field.size() ? 1U + field[used] : 1U; };
  if ((flags & 0x02U) != 0) skip_with_length();  // private data
  if ((flags & 0x01U) != 0) skip_with_length();  // extension
  return field.size() > used;
}

}  // namespace

TsPacket parse_ts_packet(Bytes bytes) noexcept {
  TsPacket packet{.pid = (bytes[1] & 31) << 8 | bytes[2],
                  .starts = (bytes[1] & kUnitStart) != 0,
                  .scrambled = (bytes[3] & kScrambling) != 0,
                  .counter = static_cast<std::uint8_t>(bytes[3] & 15U),
                  .payload = {}};
  auto rest = bytes.subspan(kHeader);
  if ((bytes[3] & kHasField) != 0) {
    const std::size_t length = rest[0];
    rest = rest.subspan(1);
    if (length > rest.size()) return packet;
    packet.stuffed = is_stuffed(rest.first(length));
    rest = rest.subspan(length);
  }
  if ((bytes[3] & kHasPayload) != 0) packet.payload = rest;
  return packet;
}

bool begins_video(Bytes payload) noexcept {
  constexpr unsigned kVideo = 0xE;  // stream_id 0xE0 to 0xEF (table 2-22)
  return payload.size() > 3 && payload[0] == 0 && payload[1] == 0 && payload[2] == 1 &&
         payload[3] >> 4U == kVideo;
}

std::array<std::uint8_t, kTsPacketSize> ts_packet_that_ends(const TsPacket& last) noexcept {
  constexpr std::uint8_t kDiscontinuity = 0x80;  // so that the next counter is not compared with this one
  std::array<std::uint8_t, kTsPacketSize> bytes{};
  bytes.fill(0xFF);  // its only byte of payload is no start code, too
  const auto pid = static_cast<unsigned>(last.pid);
  bytes[0] = kTsSync;
  bytes[1] = static_cast<std::uint8_t>(kUnitStart | pid >> 8U);
  bytes[2] = static_cast<std::uint8_t>(pid & 255U);
  bytes[3] = static_cast<std::uint8_t>(kHasField | kHasPayload | last.counter);
  bytes[4] = static_cast<std::uint8_t>(kTsPacketSize - kHeader - 2);  // all but its length and the payload
  bytes[5] = kDiscontinuity;
  return bytes;
}

}  // namespace freshframe::media
