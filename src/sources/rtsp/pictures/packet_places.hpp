// Detects from the payloads alone which packets start a new image.
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
  /// `sets`: parameter sets from the SDP, with start codes; may be empty. `has_order_numbers`: H.265 packets
  /// contain decoding order numbers (RFC 7798, 4.4), which are not supported, so places are unknown.
  PacketPlaces(Codec codec, Bytes sets, bool has_order_numbers = false);

  /// Returns the place of the first slice that starts or continues in this packet. `facts`: from look_at().
  [[nodiscard]] SlicePlace place(Bytes payload, const UnitFacts& facts, bool after_loss);
  /// Call when another image has started whose first slice was lost.
  void forget_image() noexcept { slices_.forget_image(); }
  /// Returns true if only the first field of the newest image has arrived.
  [[nodiscard]] bool is_half() const noexcept { return slices_.is_half(); }

 private:
  [[nodiscard]] SlicePlace place_h264(Bytes payload, bool after_loss);
  [[nodiscard]] SlicePlace place_jpeg(Bytes payload);

  const Codec codec_;
  const bool has_order_numbers_;
  H264Slices slices_;
  std::optional<std::uint32_t> offset_;  // fragment offset of the last JPEG packet
};

}  // namespace freshframe::media::rtsp
