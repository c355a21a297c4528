// What a packet's payload holds, without taking it apart: slices, parameter sets, key pictures.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "media/rtsp/packets/rtp.hpp"

namespace freshframe::media::rtsp {

/// H.264: RFC 6184. H.265: RFC 7798. JPEG: RFC 2435. VP8: RFC 7741. VP9: RFC 9628. MPEG-4: RFC 6416.
enum class Codec : std::uint8_t { H264, H265, Jpeg, Vp8, Vp9, Mpeg4 };

/// Of an encoding's name in SDP, in capital letters; nullopt: FFmpeg's own RTSP reads it.
[[nodiscard]] std::optional<Codec> codec_of(std::string_view encoding) noexcept;

struct PayloadFacts {
  bool coded = false;  // a coded slice, or a part of one
  bool tail = false;   // a unit that can only follow the slices of its picture: filler, the end of a sequence
  bool key = false;    // decoding can begin with this picture
  bool intra = false;  // a slice that refers to no other picture begins here
  bool inter = false;  // a slice that may refer to another one begins here
  bool first = false;  // the first slice of a picture begins here
  bool fresh = false;  // neither this picture nor one behind it refers to one before it
  bool reference = false;   // others may refer to this picture
  bool disposable = false;  // none of its layer does
  int layer = 0;            // the temporal one, of H.265
  /// Recovery point: so many pictures later all are whole, wherever decoding has begun before it.
  std::optional<int> recovery = {};
  int units = 0;  // that begin here
  int sets = 0;   // of these the parameter sets
};

/// Of codecs without slices every packet is coded.
[[nodiscard]] PayloadFacts look_at(Codec codec, Bytes payload) noexcept;

}  // namespace freshframe::media::rtsp
