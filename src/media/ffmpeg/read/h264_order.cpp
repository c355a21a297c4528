// Reads the sequence parameter set of H.264 (ITU-T H.264, 7.3.2.1.1 and annex E.1).
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/read/h264_order.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "media/ffmpeg/read/h264_bits.hpp"

namespace freshframe::media {
namespace {

void skip_order_count(Bits& bits) {
  const auto type = bits.number();
  if (type == 0) bits.skip_numbers(1);
  if (type != 1) return;
  bits.skip(1);
  bits.skip_numbers(2);
  bits.skip_numbers(bits.number());
}

void skip_hrd(Bits& bits) {
  constexpr std::uint32_t kMost = 32;
  const auto count = bits.number() + 1;
  bits.skip(8);
  for (std::uint32_t i = 0; i < std::min(count, kMost); ++i) {
    bits.skip_numbers(2);
    bits.skip(1);
  }
  bits.skip(20);
}

/// The fields before the VUI (annex E).
struct BeforeVui {
  std::uint32_t width_units = 0;  // the encoded value: one less than the width, as is the next member
  std::uint32_t height_units = 0;
  bool frames_only = false;
  bool has_vui = false;
};
BeforeVui skip_to_vui(Bits& bits) {
  BeforeVui found;
  bits.skip(8);  // NAL unit header
  const auto profile = bits.take(8);
  bits.skip(16);
  bits.skip_numbers(1);
  if (is_high_profile(profile)) static_cast<void>(read_high_profile(bits));
  bits.skip_numbers(1);
  skip_order_count(bits);
  bits.skip_numbers(1);
  bits.skip(1);
  found.width_units = bits.number();
  found.height_units = bits.number();
  found.frames_only = bits.flag();
  if (!found.frames_only) bits.skip(1);
  bits.skip(1);
  if (bits.flag()) bits.skip_numbers(4);  // cropping
  found.has_vui = bits.flag();
  return found;
}

/// Table E-1. Returns nullopt if unspecified or reserved.
std::optional<PixelAspect> read_aspect(Bits& bits) {
  constexpr std::uint32_t kExtended = 255;
  constexpr std::array<PixelAspect, 16> kTable{{{1, 1},
                                                {12, 11},
                                                {10, 11},
                                                {16, 11},
                                                {40, 33},
                                                {24, 11},
                                                {20, 11},
                                                {32, 11},
                                                {80, 33},
                                                {18, 11},
                                                {15, 11},
                                                {64, 33},
                                                {160, 99},
                                                {4, 3},
                                                {3, 2},
                                                {2, 1}}};
  if (!bits.flag()) return std::nullopt;
  const auto number = bits.take(8);
  if (number >= 1 && number <= kTable.size()) return kTable[number - 1];
  if (number != kExtended) return std::nullopt;
  const PixelAspect own{static_cast<int>(bits.take(16)), static_cast<int>(bits.take(16))};
  if (own.width == 0 || own.height == 0) return std::nullopt;
  return own;
}

/// Skips the VUI up to the bitstream restriction.
void skip_to_restriction(Bits& bits) {
  static_cast<void>(read_aspect(bits));
  if (bits.flag()) bits.skip(1);  // overscan
  if (bits.flag()) {              // video signal type
    bits.skip(4);
    if (bits.flag()) bits.skip(24);
  }
  if (bits.flag()) bits.skip_numbers(2);  // chroma locations
  if (bits.flag()) bits.skip(65);         // timing
  const bool network = bits.flag();
  if (network) skip_hrd(bits);
  const bool video = bits.flag();
  if (video) skip_hrd(bits);
  if (network || video) bits.skip(1);
  bits.skip(1);
}

std::optional<int> reordered_in(std::span<const std::uint8_t> unit) {
  constexpr std::uint32_t kMostFrames = 16;
  Bits bits(unit);
  const auto before = skip_to_vui(bits);
  if (!before.frames_only || !before.has_vui) return std::nullopt;
  skip_to_restriction(bits);
  if (!bits.flag()) return std::nullopt;
  bits.skip(1);
  bits.skip_numbers(4);
  const auto reordered = bits.number();
  const auto held = bits.number();
  if (!bits.ok() || reordered > held || held > kMostFrames) return std::nullopt;
  return static_cast<int>(reordered);
}

using Unit = std::span<const std::uint8_t>;

/// Finds the only sequence parameter set after start codes. Returns nullopt if there are several.
std::optional<Unit> sequence_set_behind_codes(Unit sets) {
  constexpr std::uint8_t kSequenceSet = 7;
  constexpr std::array<std::uint8_t, 3> kStartCode{0, 0, 1};
  std::optional<Unit> found;
  auto code = std::search(sets.begin(), sets.end(), kStartCode.begin(), kStartCode.end());
  while (code != sets.end()) {
    const auto unit = code + kStartCode.size();
    code = std::search(unit, sets.end(), kStartCode.begin(), kStartCode.end());
    if (unit == sets.end() || (*unit & 0x1FU) != kSequenceSet) continue;
    if (found) return std::nullopt;
    found.emplace(unit, code);
  }
  return found;
}

/// Finds the only sequence parameter set in an avcC record or after start codes.
std::optional<Unit> sequence_set(Unit avcc) {
  constexpr std::size_t kHead = 8;
  constexpr std::uint8_t kSequence = 7;
  if (!avcc.empty() && avcc[0] == 0) return sequence_set_behind_codes(avcc);
  if (avcc.size() <= kHead || avcc[0] != 1) return std::nullopt;
  if ((avcc[5] & 0x1FU) != 1) return std::nullopt;  // with several sets, each frame selects one
  const auto length = std::size_t{avcc[6]} << 8U | avcc[7];
  if (length == 0 || kHead + length > avcc.size() || (avcc[kHead] & 0x1FU) != kSequence) return std::nullopt;
  return avcc.subspan(kHead, length);
}

}  // namespace

std::optional<int> h264_reordered_frames(std::span<const std::uint8_t> avcc) {
  const auto unit = sequence_set(avcc);
  return unit ? reordered_in(*unit) : std::nullopt;
}

std::optional<PixelAspect> h264_pixel_aspect(std::span<const std::uint8_t> avcc) {
  const auto unit = sequence_set(avcc);
  if (!unit) return std::nullopt;
  Bits bits(*unit);
  if (!skip_to_vui(bits).has_vui) return std::nullopt;
  const auto aspect = read_aspect(bits);
  return bits.ok() ? aspect : std::nullopt;
}

std::optional<CodedSize> h264_coded_size(std::span<const std::uint8_t> avcc) {
  constexpr std::int64_t kMacroblock = 16;  // pixels
  const auto unit = sequence_set(avcc);
  if (!unit) return std::nullopt;
  Bits bits(*unit);
  const auto found = skip_to_vui(bits);
  if (!bits.ok()) return std::nullopt;
  const std::int64_t fields = found.frames_only ? 1 : 2;
  return CodedSize{kMacroblock * (std::int64_t{found.width_units} + 1),
                   kMacroblock * fields * (std::int64_t{found.height_units} + 1)};
}

}  // namespace freshframe::media
