// Converts packets of H.264 and H.265 to a byte stream with start codes.
// SPDX-License-Identifier: Apache-2.0
#include "media/packets/annexb.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

#include "media/units/unit_facts.hpp"

namespace freshframe::media {
namespace {

using Units = std::vector<Bytes>;

UnitSyntax syntax_of(const Packet& packet) {
  const auto& codec = packet.stream->codec;
  if (codec == "h264") return UnitSyntax::H264;
  if (codec == "hevc") return UnitSyntax::H265;
  throw OptionError("annexb() needs an h264 or hevc packet, got a packet of " + codec +
                    ", which has no start codes: use packet.data");
}

/// Reads big-endian numbers and units with a length in front.
class Lengths {
 public:
  explicit Lengths(Bytes bytes) : rest_(bytes) {}

  [[nodiscard]] bool has_ended() const noexcept { return rest_.empty(); }
  Bytes take(std::size_t size) {
    if (size > rest_.size()) {
      throw Error("annexb() cannot read the packet: it is cut off within a NAL unit, of which " +
                  std::to_string(rest_.size()) + " of " + std::to_string(size) + " bytes are present");
    }
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  std::size_t number(std::size_t size) {
    std::size_t value = 0;
    for (const auto byte : take(size)) value = value << 8U | byte;
    return value;
  }
  void take_units(std::size_t count, std::size_t length_size, Units& units) {
    for (; count > 0; --count) units.push_back(take(number(length_size)));
  }

 private:
  Bytes rest_;
};

/// The parameter sets of a stream, and the size of the lengths in its packets: 0 for start codes.
struct StreamUnits {
  Units sets;
  std::size_t length_size = 0;
};

/// AVCDecoderConfigurationRecord (ISO 14496-15, 5.3.3.1).
StreamUnits read_avcc(Bytes record) {
  StreamUnits found;
  Lengths fields(record);
  fields.take(4);  // version, profile, compatibility, level
  found.length_size = (fields.number(1) & 3U) + 1;
  fields.take_units(fields.number(1) & 31U, 2, found.sets);  // SPS
  fields.take_units(fields.number(1), 2, found.sets);        // PPS
  return found;
}

/// HEVCDecoderConfigurationRecord (ISO 14496-15, 8.3.3.1).
StreamUnits read_hvcc(Bytes record) {
  StreamUnits found;
  Lengths fields(record);
  fields.take(21);
  found.length_size = (fields.number(1) & 3U) + 1;
  for (auto arrays = fields.number(1); arrays > 0; --arrays) {
    fields.take(1);  // unit type
    fields.take_units(fields.number(2), 2, found.sets);
  }
  return found;
}

StreamUnits read_stream(UnitSyntax syntax, const PacketStream& stream) {
  const Bytes extradata = stream.extradata;
  if (stream.format != "avcc") return {.sets = split_units(extradata)};
  return syntax == UnitSyntax::H264 ? read_avcc(extradata) : read_hvcc(extradata);
}

Units split_packet(Bytes data, std::size_t length_size) {
  if (length_size == 0) return split_units(data);
  Units units;
  for (Lengths rest(data); !rest.has_ended();) rest.take_units(1, length_size, units);
  return units;
}

unsigned type_of(UnitSyntax syntax, Bytes unit) noexcept {
  return unit.empty() ? 0 : unit_type(syntax, unit[0]);
}

bool misses_sets(UnitSyntax syntax, const Units& units, const Units& sets) {
  const auto type = [syntax](Bytes unit) { return type_of(syntax, unit); };
  return std::ranges::any_of(
      sets, [&](Bytes set) { return std::ranges::find(units, type(set), type) == units.end(); });
}

void append(std::vector<std::uint8_t>& bytes, const Units& units) {
  for (const auto unit : units) {
    if (unit.empty()) continue;
    bytes.insert(bytes.end(), {0, 0, 0, 1});
    bytes.insert(bytes.end(), unit.begin(), unit.end());
  }
}

}  // namespace

std::vector<std::uint8_t> to_annexb(const Packet& packet) {
  const auto syntax = syntax_of(packet);
  const auto stream = read_stream(syntax, *packet.stream);
  auto units = split_packet(packet.data, stream.length_size);
  if (packet.is_keyframe && misses_sets(syntax, units, stream.sets)) {
    constexpr unsigned kH264Delimiter = 9;
    constexpr unsigned kH265Delimiter = 35;
    const auto delimiter = syntax == UnitSyntax::H264 ? kH264Delimiter : kH265Delimiter;
    const bool is_delimited = !units.empty() && type_of(syntax, units.front()) == delimiter;
    units.insert(units.begin() + (is_delimited ? 1 : 0), stream.sets.begin(), stream.sets.end());
  }
  std::vector<std::uint8_t> bytes;
  bytes.reserve(packet.data.size() + packet.stream->extradata.size() + 8);
  append(bytes, units);
  return bytes;
}

}  // namespace freshframe::media
