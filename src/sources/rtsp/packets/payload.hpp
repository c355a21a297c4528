// The contents of a packet's payload, without taking it apart: slices, parameter sets, keyframes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "media/units/unit_facts.hpp"
#include "sources/rtsp/packets/packet_order.hpp"

namespace freshframe::media::rtsp {

/// H.264: RFC 6184. H.265: RFC 7798. JPEG: RFC 2435. VP8: RFC 7741. VP9: RFC 9628. MPEG-4: RFC 6416.
enum class Codec : std::uint8_t { H264, H265, Jpeg, Vp8, Vp9, Mpeg4 };

/// The codec of an encoding's name in SDP, in capital letters; nullopt if FFmpeg's own RTSP reads it.
[[nodiscard]] std::optional<Codec> find_codec(std::string_view encoding) noexcept;

/// Whether a packet has the beginning and the end of the units in it.
struct Ends {
  bool first = true;
  bool last = true;
};

/// The ends of H.264, H.265 and MPEG-4, whose units FFmpeg joins of any parts. MPEG-4's end is not seen.
[[nodiscard]] Ends unit_ends(Codec codec, Bytes payload) noexcept;

/// Codecs without slices have coded packets only.
[[nodiscard]] UnitFacts look_at(Codec codec, Bytes payload) noexcept;

}  // namespace freshframe::media::rtsp
