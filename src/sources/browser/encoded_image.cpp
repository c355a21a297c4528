// Reads the properties of an encoded frame without decoding it.
// SPDX-License-Identifier: Apache-2.0
#include "sources/browser/encoded_image.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "media/ffmpeg/read/h264_order.hpp"
#include "media/packets/parameters.hpp"
#include "media/stream/key_gate.hpp"

namespace freshframe::media::browser {
namespace {

constexpr unsigned kByte = 8;  // bits

EncodedImage make_image(bool key) {
  EncodedImage image;
  image.key = key;
  image.notes.refresh = key ? Refresh::All : Refresh::None;
  return image;
}

bool has_start_code(Bytes bytes) {
  constexpr std::array<std::uint8_t, 4> kLong{0, 0, 0, 1};
  return std::ranges::equal(bytes.first(std::min<std::size_t>(bytes.size(), 4)), kLong) ||
         (bytes.size() > 3 && std::ranges::equal(bytes.first(3), std::span(kLong).subspan(1)));
}

/// Returns true if these NAL units (Annex B) include a sequence parameter set.
bool has_sequence_set(Bytes sets) {
  constexpr unsigned kSequenceSet = 7;
  return std::ranges::any_of(split_units(sets), [](Bytes unit) {
    return !unit.empty() && unit_type(UnitSyntax::H264, unit.front()) == kSequenceSet;
  });
}

std::optional<EncodedImage> inspect_h264(Bytes bytes) {
  if (!has_start_code(bytes)) return std::nullopt;
  const auto facts = look_at_units(UnitSyntax::H264, bytes);
  if (!facts.coded) return std::nullopt;
  EncodedImage image;
  image.notes.reference = facts.reference;
  image.notes.refresh = find_refresh(facts);
  if (facts.sets == 0) return image;
  std::vector<std::uint8_t> sets;
  append_sets(UnitSyntax::H264, bytes, sets);
  const auto size = h264_coded_size(sets);
  if (!size) return facts.fresh || has_sequence_set(sets) ? std::nullopt : std::optional(image);
  image.key = facts.fresh;
  image.width = size->width;
  image.height = size->height;
  return image;
}

/// RFC 6386, section 9.1.
std::optional<EncodedImage> inspect_vp8(Bytes bytes) {
  constexpr std::size_t kTag = 3;
  constexpr std::size_t kKeyHeader = 10;
  constexpr std::array<std::uint8_t, 3> kStartCode{0x9D, 0x01, 0x2A};
  constexpr unsigned kSide = 0x3FFF;  // the upper two bits are the scaling factor
  if (bytes.size() < kTag) return std::nullopt;
  if ((bytes[0] & 1U) != 0) return make_image(false);
  if (bytes.size() < kKeyHeader || !std::ranges::equal(bytes.subspan(kTag, 3), kStartCode))
    return std::nullopt;
  auto image = make_image(true);
  image.width = (bytes[6] | unsigned{bytes[7]} << kByte) & kSide;
  image.height = (bytes[8] | unsigned{bytes[9]} << kByte) & kSide;
  return image;
}

/// VP9 Bitstream & Decoding Process Specification, section 6.2.
std::optional<EncodedImage> inspect_vp9(Bytes bytes) {
  constexpr unsigned kMarker = 2;
  if (bytes.empty() || bytes[0] >> 6U != kMarker) return std::nullopt;
  if (!is_vp9_key(bytes)) return make_image(false);
  const auto form = picture_form(AV_CODEC_ID_VP9, bytes);
  if (!form || form->is_cut) return std::nullopt;
  auto image = make_image(true);
  image.width = form->width;
  image.height = form->height;
  return image;
}

/// ITU-T T.81, annex B: skips segments up to the frame header (SOF).
std::optional<EncodedImage> inspect_jpeg(Bytes bytes) {
  constexpr std::uint8_t kMark = 0xFF;
  constexpr std::uint8_t kStart = 0xD8;
  constexpr std::uint8_t kScan = 0xDA;
  constexpr std::size_t kFrameHeader = 9;  // bytes up to and including the width
  if (bytes.size() < 4 || bytes[0] != kMark || bytes[1] != kStart) return std::nullopt;
  for (std::size_t at = 2; at + kFrameHeader <= bytes.size();) {
    if (bytes[at] != kMark) return std::nullopt;
    const auto kind = bytes[at + 1];
    if (kind == kMark) {
      ++at;
      continue;
    }
    const bool is_frame = kind >= 0xC0 && kind <= 0xC2;  // baseline, extended, progressive
    if (is_frame) {
      auto image = make_image(true);
      image.height = unsigned{bytes[at + 5]} << kByte | bytes[at + 6];
      image.width = unsigned{bytes[at + 7]} << kByte | bytes[at + 8];
      return image;
    }
    if (kind == kScan) return std::nullopt;
    at += 2 + (std::size_t{bytes[at + 2]} << kByte | bytes[at + 3]);
  }
  return std::nullopt;
}

}  // namespace

std::optional<EncodedImage> look_at_image(core::FeedCodec codec, Bytes bytes) {
  switch (codec) {
    case core::FeedCodec::H264:
      return inspect_h264(bytes);
    case core::FeedCodec::Vp8:
      return inspect_vp8(bytes);
    case core::FeedCodec::Vp9:
      return inspect_vp9(bytes);
    case core::FeedCodec::Mjpeg:
      return inspect_jpeg(bytes);
  }
  return std::nullopt;
}

}  // namespace freshframe::media::browser
