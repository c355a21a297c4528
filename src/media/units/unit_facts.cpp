// Inspects H.264 and H.265 NAL units for slices, parameter sets and keyframes, without decoding them.
// SPDX-License-Identifier: Apache-2.0
#include "media/units/unit_facts.hpp"

#include <algorithm>
#include <cstring>

namespace freshframe::media {
namespace {

constexpr std::size_t kStartCode = 3;      // bytes: 0, 0, 1
constexpr std::size_t kMostOfUnit = 4096;  // in bytes; parameter sets and SEI messages are shorter

/// Reads unsigned Exp-Golomb codes (ITU-T H.264, 9.1). Returns 0 past the end.
class Golomb {
 public:
  explicit Golomb(Bytes bytes) : bytes_(bytes) {}

  std::uint32_t next() noexcept {
    constexpr int kMostZeros = 20;  // slice headers do not start with larger numbers
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

/// Returns the frame count of a recovery point SEI message (H.264, D.1.8; H.265, D.2.8). `messages`: after
/// the NAL unit header.
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

/// Called at the first slice of a frame or field.
void begin_picture(UnitFacts& facts) noexcept {
  facts.first = true;
  ++facts.pictures;
}

/// Returns true for end of sequence, end of stream, filler, and slices of auxiliary or additional layers.
bool follows_slices_of_h264(unsigned type) noexcept {
  return (type >= 10 && type <= 12) || (type >= 19 && type <= 21);
}

/// NAL unit types: ITU-T H.264, table 7-1.
void add_h264(unsigned header, Bytes body, UnitFacts& facts) noexcept {
  constexpr unsigned kReferences = 0x60;  // nal_ref_idc
  const unsigned type = unit_type(UnitSyntax::H264, header);
  ++facts.units;
  if (type == 7 || type == 8) ++facts.sets;
  facts.tail = facts.tail || follows_slices_of_h264(type);
  if (type == 6) {  // SEI
    if (const auto point = recovery_point(body)) {
      facts.key = true;
      facts.recovery = static_cast<int>(*point);
    }
  }
  if (type < 1 || type > 5) return;
  facts.coded = true;
  set_reference((header & kReferences) != 0, facts);
  if (type == 5) facts.key = facts.fresh = true;  // IDR
  if (type == 3 || type == 4) return;             // partitions B and C: the slice header is in partition A
  Golomb slice(body);
  if (slice.next() == 0) begin_picture(facts);  // first_mb_in_slice
  if (type == 5) return;
  const auto slice_type = slice.next() % 5;  // table 7-6: 2 is I, 4 is SI
  (slice_type == 2 || slice_type == 4 ? facts.intra : facts.inter) = true;
}

/// NAL unit types: ITU-T H.265, table 7-1.
void add_h265(unsigned header, Bytes body, UnitFacts& facts) noexcept {
  const unsigned type = unit_type(UnitSyntax::H265, header);
  ++facts.units;
  if (type >= 32 && type <= 34) ++facts.sets;
  if (type == 40 || (type >= 36 && type <= 38)) facts.tail = true;
  if (type == 39) {  // prefix SEI
    if (const auto point = recovery_point(body)) {
      facts.key = true;
      facts.recovery = static_cast<int>((*point + 1) / 2);  // absolute value of the signed code (9.2.2)
    }
  }
  if (type >= 32) return;
  facts.coded = true;
  set_reference(type >= 16 || type % 2 == 1, facts);  // below 16, even types are sub-layer non-reference
  if (!body.empty() && body[0] >> 7U != 0) begin_picture(facts);  // first_slice_segment_in_pic_flag
  if (type == 19 || type == 20) facts.fresh = true;               // IDR
  if (type >= 16 && type <= 23) {                                 // IRAP
    facts.key = true;
    if (!facts.fresh && !facts.recovery) facts.recovery = 0;
  }
  if (type < 16) facts.inter = true;
}

/// Returns the offset of the next start code at or after `from`, or the size of `bytes`.
std::size_t find_start_code(Bytes bytes, std::size_t from) noexcept {
  for (auto at = from + 2; at < bytes.size(); ++at) {
    const void* one = std::memchr(bytes.data() + at, 1, bytes.size() - at);
    if (one == nullptr) break;
    at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(one) - bytes.data());
    if (bytes[at - 1] == 0 && bytes[at - 2] == 0) return at - 2;
  }
  return bytes.size();
}

}  // namespace

unsigned unit_type(UnitSyntax syntax, unsigned header) noexcept {
  return syntax == UnitSyntax::H264 ? header & 31U : header >> 1U & 63U;
}

std::size_t header_size(UnitSyntax syntax) noexcept {
  return syntax == UnitSyntax::H264 ? 1 : 2;
}

void set_reference(bool reference, UnitFacts& facts) noexcept {
  (reference ? facts.reference : facts.disposable) = true;
}

void add_unit(UnitSyntax syntax, unsigned header, Bytes body, UnitFacts& facts) noexcept {
  const unsigned delimiter = syntax == UnitSyntax::H264 ? 9 : 35;
  if (unit_type(syntax, header) == delimiter) facts.delimiter = true;
  body = body.first(std::min(body.size(), kMostOfUnit));
  syntax == UnitSyntax::H264 ? add_h264(header, body, facts) : add_h265(header, body, facts);
}

Bytes after_start_code(Bytes bytes) noexcept {
  const auto looked = bytes.first(std::min(bytes.size(), kMostOfUnit));
  const auto code = find_start_code(looked, 0);
  return code == looked.size() ? Bytes() : bytes.subspan(code + kStartCode);
}

std::vector<Bytes> split_units(Bytes units) {
  std::vector<Bytes> found;
  for (auto code = find_start_code(units, 0); code < units.size();) {
    const auto begin = code + kStartCode;
    code = find_start_code(units, begin);
    auto unit = units.subspan(begin, code - begin);
    while (!unit.empty() && unit.back() == 0)
      unit = unit.first(unit.size() - 1);  // zeros before a start code
    found.push_back(unit);
  }
  return found;
}

void append_sets(UnitSyntax syntax, Bytes units, std::vector<std::uint8_t>& sets) {
  const auto header = header_size(syntax);
  for (const auto unit : split_units(units)) {
    if (unit.size() < header) continue;
    UnitFacts looked;
    add_unit(syntax, unit[0], unit.subspan(header), looked);
    if (looked.sets != 1) continue;
    sets.insert(sets.end(), {0, 0, 0, 1});
    sets.insert(sets.end(), unit.begin(), unit.end());
  }
}

UnitFacts look_at_units(UnitSyntax syntax, Bytes units) noexcept {
  UnitFacts facts;
  const auto header = header_size(syntax);
  for (auto code = find_start_code(units, 0); code < units.size();) {
    const auto unit = units.subspan(code + kStartCode);
    code = find_start_code(units, code + kStartCode);
    if (unit.size() < header) continue;
    add_unit(syntax, unit[0], unit.subspan(header), facts);
  }
  return facts;
}

}  // namespace freshframe::media
