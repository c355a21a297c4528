// The contents of a packet's payload, without taking it apart: slices, parameter sets, keyframes.
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

/// The codec of an encoding's name in SDP, in capital letters; nullopt if FFmpeg's own RTSP reads it.
[[nodiscard]] std::optional<Codec> find_codec(std::string_view encoding) noexcept;

/// Whether a packet has the beginning and the end of the units in it.
struct Ends {
  bool first = true;
  bool last = true;
};

/// The ends of H.264, H.265 and MPEG-4, whose units FFmpeg joins of any parts. MPEG-4's end is not seen.
[[nodiscard]] Ends unit_ends(Codec codec, Bytes payload) noexcept;

/// Whether a packet of H.264 or H.265 holds a part of a unit without its end, so the unit continues in the next one.
[[nodiscard]] bool has_open_fragment(Codec codec, Bytes payload) noexcept;

/// Takes a unit that begins in a packet. `header`: its first byte. `body`: the bytes after it in this packet.
using OnUnit = std::function<void(unsigned header, Bytes body)>;
void visit_h264_units(Bytes payload, const OnUnit& visit);

/// The payload of a packet with several images as payloads of one unit or image each. Some senders put small images
/// into one packet.
[[nodiscard]] std::vector<Bytes> split_images(Codec codec, Bytes payload);

/// Codecs without slices have coded packets only.
[[nodiscard]] UnitFacts look_at(Codec codec, Bytes payload) noexcept;

}  // namespace freshframe::media::rtsp
