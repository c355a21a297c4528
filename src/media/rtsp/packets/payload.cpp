// What a packet's payload holds, without taking it apart: slices, parameter sets, key pictures.
// SPDX-License-Identifier: Apache-2.0
#include "media/rtsp/packets/payload.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace freshframe::media::rtsp {
namespace {

constexpr unsigned kFragmentStart = 0x80;  // of the header of a fragment: FU-A and H.265's FU

/// Unsigned Exp-Golomb codes (ITU-T H.264, 9.1) from the highest bit on; 0 beyond the end.
class Golomb {
 public:
  explicit Golomb(Bytes bytes) : bytes_(bytes) {}

  std::uint32_t next() noexcept {
    constexpr int kMostZeros = 20;  // no slice begins with a larger number
    int zeros = 0;
    while (zeros < kMostZeros && bit() == 0) ++zeros;
    std::uint32_t value = 1;
    for (int i = 0; i < zeros; ++i) value = value << 1U | bit();
    return value - 1;
  }

 private:
  std::uint32_t bit() noexcept {
    const auto at = place_++;
    if (at / 8 >= bytes_.size()) return 0;
    return static_cast<std::uint32_t>(bytes_[at / 8]) >> (7U - at % 8) & 1U;
  }

  Bytes bytes_;
  std::size_t place_ = 0;
};

/// What supplemental information says of a recovery point (H.264, D.1.8; H.265, D.2.8): its first number.
/// `messages`: after the unit's header.
std::optional<std::uint32_t> recovery_point(Bytes messages) noexcept {
  constexpr unsigned kRecoveryPoint = 6;
  std::size_t at = 0;
  const auto number = [&]() -> unsigned {
    unsigned value = 0;
    while (at < messages.size() && messages[at] == 0xFF) {
      value += 255;
      ++at;
    }
    if (at < messages.size()) value += messages[at++];
    return value;
  };
  while (at + 2 < messages.size()) {
    const unsigned type = number();
    const unsigned size = number();
    if (type == kRecoveryPoint)
      return Golomb(messages.subspan(std::min<std::size_t>(at, messages.size()))).next();
    at += size;
  }
  return std::nullopt;
}

void set_reference(bool reference, PayloadFacts& facts) noexcept {
  (reference ? facts.reference : facts.disposable) = true;
}

/// H.264 (ITU-T H.264).
struct H264 {
  static constexpr std::size_t kHeader = 1;
  static unsigned type(unsigned header) noexcept { return header & 31U; }

  /// One unit (table 7-1), or the beginning of one. `header`: its first byte.
  static void add(unsigned header, Bytes body, PayloadFacts& facts) noexcept {
    constexpr unsigned kReferences = 0x60;  // nal_ref_idc
    const unsigned kind = type(header);
    ++facts.units;
    if (kind == 7 || kind == 8) ++facts.sets;
    if (kind >= 10 && kind <= 12) facts.tail = true;  // the end of a sequence or stream, filler
    if (kind == 6) {                                  // SEI
      if (const auto point = recovery_point(body)) {
        facts.key = true;
        facts.recovery = static_cast<int>(*point);
      }
    }
    if (kind < 1 || kind > 5) return;
    facts.coded = true;
    set_reference((header & kReferences) != 0, facts);
    if (kind == 5) facts.key = facts.fresh = true;  // IDR
    if (kind == 3 || kind == 4) return;             // they follow the partition that has the slice's header
    Golomb slice(body);
    if (slice.next() == 0) facts.first = true;  // first_mb_in_slice
    if (kind == 5) return;
    const auto slice_type = slice.next() % 5;  // table 7-6: 2 is I, 4 is SI
    (slice_type == 2 || slice_type == 4 ? facts.intra : facts.inter) = true;
  }
};

/// H.265 (ITU-T H.265).
struct H265 {
  static constexpr std::size_t kHeader = 2;
  static unsigned type(unsigned header) noexcept { return header >> 1U & 63U; }

  /// One unit (table 7-1), or the beginning of one. `header`: its first byte.
  static void add(unsigned header, Bytes body, PayloadFacts& facts) noexcept {
    const unsigned kind = type(header);
    ++facts.units;
    if (kind >= 32 && kind <= 34) ++facts.sets;
    if (kind == 40 || (kind >= 36 && kind <= 38)) facts.tail = true;
    if (kind == 39) {  // prefix SEI
      if (const auto point = recovery_point(body)) {
        facts.key = true;
        facts.recovery = static_cast<int>((*point + 1) / 2);  // its absolute value: a signed code (9.2.2)
      }
    }
    if (kind >= 32) return;
    facts.coded = true;
    set_reference(kind >= 16 || kind % 2 == 1, facts);  // even numbers below 16: "sub-layer non-reference"
    if (!body.empty() && body[0] >> 7U != 0) facts.first = true;  // first_slice_segment_in_pic_flag
    if (kind == 19 || kind == 20) facts.fresh = true;             // IDR
    if (kind >= 16 && kind <= 23) facts.key = true;               // pictures of random access
    if (kind >= 16 && kind <= 23 && !facts.fresh && !facts.recovery) facts.recovery = 0;
    if (kind < 16) facts.inter = true;
  }
};

/// What follows the next start code (Annex B). Some cameras send several units as one (go2rtc WebRTC#391,
/// retina#68).
Bytes after_start_code(Bytes unit) noexcept {
  constexpr std::array<std::uint8_t, 3> kStartCode{0, 0, 1};
  constexpr std::size_t kMostLooked = 4096;  // bytes: parameter sets are short
  const auto looked = unit.first(std::min(unit.size(), kMostLooked));
  const auto code = std::search(looked.begin(), looked.end(), kStartCode.begin(), kStartCode.end());
  const auto behind = static_cast<std::size_t>(code - looked.begin()) + kStartCode.size();
  return code == looked.end() ? Bytes() : unit.subspan(behind);
}

template <class Units>
void add_unit(Bytes unit, PayloadFacts& facts) noexcept {
  while (unit.size() >= Units::kHeader) {
    const bool coded = std::exchange(facts.coded, false);
    Units::add(unit[0], unit.subspan(Units::kHeader), facts);
    unit = facts.coded ? Bytes() : after_start_code(unit.subspan(Units::kHeader));  // nothing follows a slice
    facts.coded = facts.coded || coded;
  }
}

/// Several units, each behind its length.
template <class Units>
void add_aggregate(Bytes rest, PayloadFacts& facts) noexcept {
  while (rest.size() > 2) {
    const std::size_t size = read_u16(rest, 0);
    rest = rest.subspan(2);
    add_unit<Units>(rest.first(std::min(size, rest.size())), facts);
    rest = rest.subspan(std::min(size, rest.size()));
  }
}

/// A part of a unit, whose header begins with this byte. Later parts count as coded whatever the type:
/// parameter sets are shorter than a packet, unless slices follow them behind a start code.
template <class Units>
void add_fragment(bool first, unsigned header, Bytes body, PayloadFacts& facts) noexcept {
  PayloadFacts unit;
  Units::add(header, body, unit);
  if (!first) {
    facts.coded = unit.coded || !unit.tail;
    facts.tail = unit.tail;
    facts.reference = unit.reference;
    facts.disposable = unit.disposable;
    return;
  }
  facts = unit;
  if (!facts.coded) add_unit<Units>(after_start_code(body), facts);
}

PayloadFacts look_at_h264(Bytes payload) noexcept {
  PayloadFacts facts;
  const unsigned type = H264::type(payload[0]);
  if (type == 24) {
    add_aggregate<H264>(payload.subspan(1), facts);  // STAP-A
  } else if (type != 28) {
    add_unit<H264>(payload, facts);
  } else if (payload.size() > 2) {  // FU-A; without a body it is nothing
    const unsigned header = (payload[0] & 0xE0U) | (payload[1] & 31U);
    add_fragment<H264>((payload[1] & kFragmentStart) != 0, header, payload.subspan(2), facts);
  }
  return facts;
}

PayloadFacts look_at_h265(Bytes payload) noexcept {
  PayloadFacts facts;
  if (payload.size() < 2) return facts;
  const unsigned type = H265::type(payload[0]);
  if (type == 48) {
    add_aggregate<H265>(payload.subspan(2), facts);  // AP
  } else if (type != 49) {
    add_unit<H265>(payload, facts);
  } else if (payload.size() > 3) {
    const unsigned header = (payload[0] & 0x81U) | (payload[2] & 63U) << 1U;
    add_fragment<H265>((payload[2] & kFragmentStart) != 0, header, payload.subspan(3), facts);
  }
  facts.layer = std::max(0, static_cast<int>(payload[1] & 7U) - 1);  // nuh_temporal_id_plus1
  return facts;
}

/// RFC 7741, section 4.2.
bool begins_vp8(Bytes payload) noexcept {
  constexpr unsigned kStart = 0x10;
  return (payload[0] & kStart) != 0 && (payload[0] & 7U) == 0;
}

/// The descriptor, then the payload's header, whose lowest bit is 0 in a key frame.
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

/// RFC 9628, section 4.2: a frame begins (B) that is predicted from no other picture (P).
bool begins_vp9_key(Bytes payload) noexcept {
  return (payload[0] & 0x08U) != 0 && (payload[0] & 0x40U) == 0;
}

PayloadFacts look_at_vp8(Bytes payload) noexcept {
  constexpr unsigned kNonReference = 0x20;
  PayloadFacts facts{.coded = true, .first = begins_vp8(payload)};
  facts.key = facts.fresh = begins_vp8_key(payload);
  set_reference((payload[0] & kNonReference) == 0, facts);
  return facts;
}

PayloadFacts look_at_vp9(Bytes payload) noexcept {
  const bool first = (payload[0] & 0x08U) != 0;
  const bool key = begins_vp9_key(payload);
  return {.coded = true, .key = key, .first = first, .fresh = key, .reference = true};
}

/// RFC 2435, section 3.1: the offset of its bytes stands behind the first one.
PayloadFacts look_at_jpeg(Bytes payload) noexcept {
  const bool first = payload.size() > 3 && (payload[1] | payload[2] | payload[3]) == 0;
  return {.coded = true, .key = true, .first = first, .fresh = true, .disposable = true};
}

/// ISO/IEC 14496-2, 6.2.5: the type of a picture follows its start code: 0 is I, 2 is B.
PayloadFacts look_at_mpeg4(Bytes payload) noexcept {
  constexpr std::array<std::uint8_t, 4> kPicture{0, 0, 1, 0xB6};
  PayloadFacts facts{.coded = true};
  const auto code = std::search(payload.begin(), payload.end(), kPicture.begin(), kPicture.end());
  if (code == payload.end()) return facts;
  const auto type = code + kPicture.size();
  if (type == payload.end()) return facts;
  facts.first = true;
  set_reference(*type >> 6U != 2, facts);
  facts.key = *type >> 6U == 0;
  if (facts.key) facts.recovery = 0;  // B pictures that are shown before it refer to the one before
  return facts;
}

}  // namespace

std::optional<Codec> codec_of(std::string_view encoding) noexcept {
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

PayloadFacts look_at(Codec codec, Bytes payload) noexcept {
  if (payload.empty()) return {};
  if (codec == Codec::H264) return look_at_h264(payload);
  if (codec == Codec::H265) return look_at_h265(payload);
  if (codec == Codec::Jpeg) return look_at_jpeg(payload);
  if (codec == Codec::Vp8) return look_at_vp8(payload);
  if (codec == Codec::Vp9) return look_at_vp9(payload);
  return look_at_mpeg4(payload);
}

}  // namespace freshframe::media::rtsp
