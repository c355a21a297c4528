// Packets of RTP (RFC 3550, section 5).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace freshframe::media::rtsp {

using Bytes = std::span<const std::uint8_t>;

struct RtpPacket {
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0;
  std::uint32_t source = 0;  // SSRC
  std::uint8_t payload_type = 0;
  bool marker = false;
  Bytes payload;  // without padding; valid as long as the bytes that were parsed
};

/// Returns nullopt if it is no RTP, or its parts are longer than it is.
[[nodiscard]] std::optional<RtpPacket> parse_rtp(Bytes bytes) noexcept;
/// Writes the same packet with the shortest header, and another number, in place of `bytes`.
void write_plain_rtp(const RtpPacket& packet, std::uint16_t sequence, std::vector<std::uint8_t>& bytes);

/// Big-endian numbers. `at` is inside.
[[nodiscard]] inline std::uint16_t read_u16(Bytes bytes, std::size_t at) noexcept {
  return static_cast<std::uint16_t>(bytes[at] << 8U | bytes[at + 1]);
}
[[nodiscard]] inline std::uint32_t read_u32(Bytes bytes, std::size_t at) noexcept {
  return std::uint32_t{read_u16(bytes, at)} << 16U | read_u16(bytes, at + 2);
}
inline void append_u16(std::vector<std::uint8_t>& to, std::uint32_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8U));
  to.push_back(static_cast<std::uint8_t>(value));
}
inline void append_u32(std::vector<std::uint8_t>& to, std::uint32_t value) {
  append_u16(to, value >> 16U);
  append_u16(to, value);
}

}  // namespace freshframe::media::rtsp
