// Inspects RTP payloads for slices, parameter sets and keyframes, without unpacking them.
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/packets/payload.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace freshframe::media::rtsp {
namespace {

constexpr unsigned kFragmentStart = 0x80;  // start bit in the header of an FU-A or FU fragment
constexpr unsigned kFragmentEnd = 0x40;
constexpr unsigned kAggregateOfH264 = 24;  // STAP-A
constexpr unsigned kFragmentOfH264 = 28;
constexpr unsigned kFragmentOfH265 = 49;

/// Adds the facts of a NAL unit. Some cameras pack several NAL units into one, separated by start codes
/// (go2rtc WebRTC#391, retina#68).
void add_units(UnitSyntax syntax, Bytes unit, UnitFacts& facts) noexcept {
  const auto header = header_size(syntax);
  while (unit.size() >= header) {
    const bool coded = std::exchange(facts.coded, false);
    add_unit(syntax, unit[0], unit.subspan(header), facts);
    unit = facts.coded ? Bytes() : after_start_code(unit.subspan(header));  // nothing follows a slice
    facts.coded = facts.coded || coded;
  }
}

/// Adds NAL units that each follow their length.
void add_aggregate(UnitSyntax syntax, Bytes rest, UnitFacts& facts) noexcept {
  while (rest.size() > 2) {
    const std::size_t size = read_u16(rest, 0);
    rest = rest.subspan(2);
    add_units(syntax, rest.first(std::min(size, rest.size())), facts);
    rest = rest.subspan(std::min(size, rest.size()));
  }
}

/// Adds a fragment of a NAL unit whose header starts with this byte. Slices may follow other units after a
/// start code.
void add_fragment(UnitSyntax syntax, bool first, unsigned header, Bytes body, UnitFacts& facts) noexcept {
  UnitFacts unit;
  add_unit(syntax, header, body, unit);
  if (first) {
    facts = unit;
  } else {
    facts.coded = unit.coded;
    facts.tail = unit.tail;
    facts.reference = unit.reference;
    facts.disposable = unit.disposable;
  }
  if (!unit.coded && !unit.tail) add_units(syntax, after_start_code(body), facts);
}

UnitFacts look_at_h264(Bytes payload) noexcept {
  constexpr auto kSyntax = UnitSyntax::H264;
  UnitFacts facts;
  const unsigned type = unit_type(kSyntax, payload[0]);
  if (type == kAggregateOfH264) {
    add_aggregate(kSyntax, payload.subspan(1), facts);
  } else if (type != kFragmentOfH264) {
    add_units(kSyntax, payload, facts);
  } else if (payload.size() > 2) {  // FU-A; ignored if it has no body
    const unsigned header = (payload[0] & 0xE0U) | (payload[1] & 31U);
    add_fragment(kSyntax, (payload[1] & kFragmentStart) != 0, header, payload.subspan(2), facts);
  }
  return facts;
}

UnitFacts look_at_h265(Bytes payload) noexcept {
  constexpr auto kSyntax = UnitSyntax::H265;
  UnitFacts facts;
  if (payload.size() < 2) return facts;
  const unsigned type = unit_type(kSyntax, payload[0]);
  if (type == 48) {
    add_aggregate(kSyntax, payload.subspan(2), facts);  // AP
  } else if (type != kFragmentOfH265) {
    add_units(kSyntax, payload, facts);
  } else if (payload.size() > 3) {
    const unsigned header = (payload[0] & 0x81U) | (payload[2] & 63U) << 1U;
    add_fragment(kSyntax, (payload[2] & kFragmentStart) != 0, header, payload.subspan(3), facts);
  }
  facts.layer = std::max(0, static_cast<int>(payload[1] & 7U) - 1);  // nuh_temporal_id_plus1
  return facts;
}

/// Returns true if a VP8 frame begins here (RFC 7741, section 4.2).
bool begins_vp8(Bytes payload) noexcept {
  constexpr unsigned kStart = 0x10;
  return (payload[0] & kStart) != 0 && (payload[0] & 7U) == 0;
}

/// Skips the payload descriptor. The lowest bit of the payload header is 0 in a keyframe.
bool begins_vp8_key(Bytes payload) noexcept {
  constexpr unsigned kExtended = 0x80;
  if (!begins_vp8(payload)) return false;
  std::size_t at = 1;
  if ((payload[0] & kExtended) != 0 && payload.size() > 1) {
    const unsigned parts = payload[at++];
    if ((parts & 0x80U) != 0) at += at < payload.size() && (payload[at] & 0x80U) != 0 ? 2 : 1;
    if ((parts & 0x40U) != 0) ++at;
    if ((parts & 0x30U) != 0) ++at;
  }
  return at < payload.size() && (payload[at] & 1U) == 0;
}

/// RFC 9628, section 4.2: a frame begins (B), and is the lowest spatial layer (SID) of its picture.
bool begins_vp9(Bytes payload) noexcept {
  constexpr unsigned kBegins = 0x08;
  constexpr unsigned kHasNumber = 0x80;
  constexpr unsigned kHasLayers = 0x20;
  if ((payload[0] & kBegins) == 0) return false;
  std::size_t at = 1;
  if ((payload[0] & kHasNumber) != 0) at += at < payload.size() && (payload[at] & 0x80U) != 0 ? 2 : 1;
  return (payload[0] & kHasLayers) == 0 || at >= payload.size() || (payload[at] >> 1U & 7U) == 0;
}

/// Visits a NAL unit and those that follow it after start codes, as in add_units().
void visit_joined(Bytes unit, const OnUnit& visit) {
  while (!unit.empty()) {
    visit(unit[0], unit.subspan(1));
    const unsigned type = unit_type(UnitSyntax::H264, unit[0]);
    unit = type >= 1 && type <= 5 ? Bytes() : after_start_code(unit.subspan(1));
  }
}

void visit_aggregate(Bytes rest, const OnUnit& visit) {
  while (rest.size() > 2) {
    const auto size = std::min<std::size_t>(read_u16(rest, 0), rest.size() - 2);
    visit_joined(rest.subspan(2, size), visit);
    rest = rest.subspan(2 + size);
  }
}

UnitFacts look_at_vp8(Bytes payload) noexcept {
  constexpr unsigned kNonReference = 0x20;
  UnitFacts facts{.coded = true, .first = begins_vp8(payload)};
  facts.key = facts.fresh = begins_vp8_key(payload);
  set_reference((payload[0] & kNonReference) == 0, facts);
  return facts;
}

UnitFacts look_at_vp9(Bytes payload) noexcept {
  constexpr unsigned kPredicted = 0x40;
  const bool first = begins_vp9(payload);
  const bool key = first && (payload[0] & kPredicted) == 0;
  return {.coded = true, .key = key, .first = first, .fresh = key, .reference = true};
}

/// RFC 2435, section 3.1: the fragment offset follows the first byte, and is 0 at the start of an image.
UnitFacts look_at_jpeg(Bytes payload) noexcept {
  const bool first = payload.size() > 3 && (payload[1] | payload[2] | payload[3]) == 0;
  return {.coded = true, .key = true, .first = first, .fresh = true, .disposable = true};
}

bool begins_with_code(Bytes payload) noexcept {
  return payload.size() > 3 && payload[0] == 0 && payload[1] == 0 && payload[2] == 1;
}

constexpr std::array<std::uint8_t, 4> kPicture{0, 0, 1, 0xB6};  // vop_start_code of MPEG-4

/// Returns the offset of the next MPEG-4 image at or after `from`, or the payload's size if there is none.
std::size_t find_picture(Bytes payload, std::size_t from) noexcept {
  const auto rest = payload.subspan(std::min(from, payload.size()));
  const auto code = std::search(rest.begin(), rest.end(), kPicture.begin(), kPicture.end());
  return static_cast<std::size_t>(code - rest.begin()) + payload.size() - rest.size();
}

int count_pictures(Bytes payload) noexcept {
  int count = 0;
  for (auto at = find_picture(payload, 0); at < payload.size(); at = find_picture(payload, at + 4)) ++count;
  return count;
}

/// ISO/IEC 14496-2, 6.2.5: the coding type follows the start code; 0 is I, 2 is B.
UnitFacts look_at_mpeg4(Bytes payload) noexcept {
  UnitFacts facts{.coded = true};
  const auto code = payload.begin() + static_cast<std::ptrdiff_t>(find_picture(payload, 0));
  if (code == payload.end()) {
    facts.coded = !begins_with_code(payload);  // if false, the payload holds only headers
    return facts;
  }
  const auto type = code + kPicture.size();
  if (type == payload.end()) return facts;
  facts.first = true;
  facts.pictures = count_pictures(payload);
  set_reference(*type >> 6U != 2, facts);
  facts.key = *type >> 6U == 0;
  if (facts.key) facts.recovery = 0;  // B-frames that are shown before the keyframe refer to the previous one
  return facts;
}

}  // namespace

std::optional<Codec> find_codec(std::string_view encoding) noexcept {
  constexpr std::array<std::pair<std::string_view, Codec>, 6> kNames{{{"H264", Codec::H264},
                                                                      {"H265", Codec::H265},
                                                                      {"JPEG", Codec::Jpeg},
                                                                      {"VP8", Codec::Vp8},
                                                                      {"VP9", Codec::Vp9},
                                                                      {"MP4V-ES", Codec::Mpeg4}}};
  for (const auto& [name, codec] : kNames) {
    if (name == encoding) return codec;
  }
  return std::nullopt;
}

Ends unit_ends(Codec codec, Bytes payload) noexcept {
  const auto of_fragment = [&](UnitSyntax syntax, unsigned type) -> Ends {
    const auto header = header_size(syntax);
    if (payload.size() < header + 2 || unit_type(syntax, payload[0]) != type) return {};
    return {.first = (payload[header] & kFragmentStart) != 0, .last = (payload[header] & kFragmentEnd) != 0};
  };
  if (codec == Codec::H264) return of_fragment(UnitSyntax::H264, kFragmentOfH264);
  if (codec == Codec::H265) return of_fragment(UnitSyntax::H265, kFragmentOfH265);
  if (codec != Codec::Mpeg4) return {};
  return {.first = begins_with_code(payload), .last = false};
}

void visit_h264_units(Bytes payload, const OnUnit& visit) {
  if (payload.empty()) return;
  const unsigned type = unit_type(UnitSyntax::H264, payload[0]);
  if (type == kAggregateOfH264) return visit_aggregate(payload.subspan(1), visit);
  if (type != kFragmentOfH264) return visit_joined(payload, visit);
  if (payload.size() <= 2) return;
  const unsigned header = (payload[0] & 0xE0U) | (payload[1] & 31U);
  if ((payload[1] & kFragmentStart) != 0) visit(header, payload.subspan(2));
  const unsigned whole = unit_type(UnitSyntax::H264, header);
  if (whole < 1 || whole > 5) visit_joined(after_start_code(payload.subspan(2)), visit);
}

bool has_open_fragment(Codec codec, Bytes payload) noexcept {
  return (codec == Codec::H264 || codec == Codec::H265) && !unit_ends(codec, payload).last;
}

std::vector<Bytes> split_images(Codec codec, Bytes payload) {
  std::vector<Bytes> parts;
  if (codec == Codec::Mpeg4) {
    std::size_t begin = 0;
    for (auto at = find_picture(payload, 0); begin < payload.size();) {
      const auto next = find_picture(payload, at + kPicture.size());
      parts.push_back(payload.subspan(begin, next - begin));
      begin = at = next;
    }
    return parts;
  }
  // STAP-A of H.264, AP of H.265: NAL units after their lengths.
  const auto header = codec == Codec::H264 ? 1U : 2U;
  auto rest = payload.subspan(std::min<std::size_t>(header, payload.size()));
  while (rest.size() > 2) {
    const auto size = std::min<std::size_t>(read_u16(rest, 0), rest.size() - 2);
    if (size > 0) parts.push_back(rest.subspan(2, size));
    rest = rest.subspan(2 + size);
  }
  return parts;
}

UnitFacts look_at(Codec codec, Bytes payload) noexcept {
  if (payload.empty()) return {};
  if (codec == Codec::H264) return look_at_h264(payload);
  if (codec == Codec::H265) return look_at_h265(payload);
  if (codec == Codec::Jpeg) return look_at_jpeg(payload);
  if (codec == Codec::Vp8) return look_at_vp8(payload);
  if (codec == Codec::Vp9) return look_at_vp9(payload);
  return look_at_mpeg4(payload);
}

}  // namespace freshframe::media::rtsp
