// Finds the packets with which another image begins, by their payloads alone.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "media/units/h264_slices.hpp"
#include "sources/rtsp/packets/payload.hpp"

namespace freshframe::media::rtsp {

/// Not thread-safe.
class PacketPlaces {
 public:
  /// `sets`: parameter sets of the description, with start codes; may be empty. `has_order_numbers`: each packet of H.265
  /// has a decoding order number (RFC 7798, 4.4), which is not read, so no place is known.
  PacketPlaces(Codec codec, Bytes sets, bool has_order_numbers = false);

  /// The place of the first slice that begins in this packet, or of the part of one in it. `facts`: of look_at().
  [[nodiscard]] SlicePlace place(Bytes payload, const UnitFacts& facts, bool after_loss);
  /// Another image has begun, whose first slice is lost.
  void forget_image() noexcept { slices_.forget_image(); }
  /// Whether the newest image is one of two fields so far.
  [[nodiscard]] bool is_half() const noexcept { return slices_.is_half(); }

 private:
  [[nodiscard]] SlicePlace place_h264(Bytes payload, bool after_loss);
  [[nodiscard]] SlicePlace place_jpeg(Bytes payload);

  const Codec codec_;
  const bool has_order_numbers_;
  H264Slices slices_;
  std::optional<std::uint32_t> offset_;  // of the last fragment of JPEG
};

}  // namespace freshframe::media::rtsp
