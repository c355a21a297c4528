// Inspects RTP payloads for slices, parameter sets and keyframes, without unpacking them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "media/units/unit_facts.hpp"
#include "sources/rtsp/packets/packet_order.hpp"

namespace freshframe::media::rtsp {

/// H.264: RFC 6184. H.265: RFC 7798. JPEG: RFC 2435. VP8: RFC 7741. VP9: RFC 9628. MPEG-4: RFC 6416.
enum class Codec : std::uint8_t { H264, H265, Jpeg, Vp8, Vp9, Mpeg4 };

/// Returns the codec for an encoding name of SDP, in upper case; nullopt if FFmpeg's RTSP client must read
/// it.
[[nodiscard]] std::optional<Codec> find_codec(std::string_view encoding) noexcept;

/// Whether a packet contains the first and the last byte of the NAL units in it.
struct Ends {
  bool first = true;
  bool last = true;
};

/// Returns which ends of NAL units the packet contains. For H.264, H.265 and MPEG-4, which FFmpeg reassembles
/// from fragments. The last byte is not detected for MPEG-4.
[[nodiscard]] Ends unit_ends(Codec codec, Bytes payload) noexcept;

/// Returns true for an H.264 or H.265 fragment that continues in the next packet.
[[nodiscard]] bool has_open_fragment(Codec codec, Bytes payload) noexcept;

/// Called for each NAL unit that starts in a packet. `header`: its first byte. `body`: the following bytes in
/// this packet.
using OnUnit = std::function<void(unsigned header, Bytes body)>;
void visit_h264_units(Bytes payload, const OnUnit& visit);

/// Splits the payload of a packet with several images, which some senders use for small images, into one
/// payload per NAL unit or image.
[[nodiscard]] std::vector<Bytes> split_images(Codec codec, Bytes payload);

/// Inspects a packet. For codecs without slices, every packet counts as coded.
[[nodiscard]] UnitFacts look_at(Codec codec, Bytes payload) noexcept;

}  // namespace freshframe::media::rtsp
