// Detects from the payloads alone which packets start a new image.
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/pictures/packet_places.hpp"

#include <utility>

namespace freshframe::media::rtsp {

PacketPlaces::PacketPlaces(Codec codec, Bytes sets, bool has_order_numbers)
    : codec_(codec), has_order_numbers_(has_order_numbers && codec == Codec::H265) {
  if (codec != Codec::H264) return;
  for (auto unit = after_start_code(sets); !unit.empty(); unit = after_start_code(unit.subspan(1))) {
    slices_.add_set(unit[0], unit.subspan(1));
  }
}

SlicePlace PacketPlaces::place(Bytes payload, const UnitFacts& facts, bool after_loss) {
  if (codec_ == Codec::H264) return place_h264(payload, after_loss);
  if (codec_ == Codec::Jpeg) return place_jpeg(payload);
  if (has_order_numbers_) return SlicePlace::Unknown;
  return facts.first ? SlicePlace::Begins : SlicePlace::Continues;
}

SlicePlace PacketPlaces::place_h264(Bytes payload, bool after_loss) {
  std::optional<SlicePlace> first;
  visit_h264_units(payload, [&](unsigned header, Bytes body) {
    const unsigned type = unit_type(UnitSyntax::H264, header);
    if (type == 7 || type == 8) slices_.add_set(header, body);
    if (type != 1 && type != 2 && type != 5) return;
    const auto place = slices_.place(header, body, after_loss);
    if (!first) first = place;
  });
  return first.value_or(SlicePlace::Continues);
}

/// RFC 2435, section 3.1: the fragment offset increases within an image.
SlicePlace PacketPlaces::place_jpeg(Bytes payload) {
  if (payload.size() < 4) return SlicePlace::Continues;
  const auto offset = std::uint32_t{payload[1]} << 16U | read_u16(payload, 2);
  const auto before = std::exchange(offset_, offset);
  return !before || offset <= *before ? SlicePlace::Begins : SlicePlace::Continues;
}

}  // namespace freshframe::media::rtsp
