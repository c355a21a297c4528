// Packets of RTP (RFC 3550, section 5).
// SPDX-License-Identifier: Apache-2.0
#include "media/rtsp/packets/rtp.hpp"

namespace freshframe::media::rtsp {
namespace {

constexpr std::size_t kRtpHeader = 12;
constexpr unsigned kPadding = 0x20;
constexpr unsigned kExtension = 0x10;
constexpr unsigned kMarker = 0x80;

}  // namespace

std::optional<RtpPacket> parse_rtp(Bytes bytes) noexcept {
  if (bytes.size() < kRtpHeader || bytes[0] >> 6U != 2) return std::nullopt;
  std::size_t begin = kRtpHeader + std::size_t{4} * (bytes[0] & 15U);  // contributing sources
  if ((bytes[0] & kExtension) != 0) {
    if (bytes.size() < begin + 4) return std::nullopt;
    begin += 4 + std::size_t{4} * read_u16(bytes, begin + 2);
  }
  const std::size_t padding = (bytes[0] & kPadding) != 0 ? bytes.back() : 0;
  if (begin + padding > bytes.size()) return std::nullopt;
  return RtpPacket{.sequence = read_u16(bytes, 2),
                   .timestamp = read_u32(bytes, 4),
                   .source = read_u32(bytes, 8),
                   .payload_type = static_cast<std::uint8_t>(bytes[1] & 0x7FU),
                   .marker = (bytes[1] & kMarker) != 0,
                   .payload = bytes.subspan(begin, bytes.size() - begin - padding)};
}

void write_plain_rtp(const RtpPacket& packet, std::uint16_t sequence, std::vector<std::uint8_t>& bytes) {
  bytes.clear();
  bytes.reserve(kRtpHeader + packet.payload.size());
  bytes.push_back(0x80);
  bytes.push_back(static_cast<std::uint8_t>((packet.marker ? kMarker : 0U) | packet.payload_type));
  append_u16(bytes, sequence);
  append_u32(bytes, packet.timestamp);
  append_u32(bytes, packet.source);
  bytes.insert(bytes.end(), packet.payload.begin(), packet.payload.end());
}

}  // namespace freshframe::media::rtsp
