// Decides which packets of a video contain an image.
// SPDX-License-Identifier: Apache-2.0
#include "sources/file/packet_images.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <vector>

#include "media/units/unit_facts.hpp"

namespace freshframe::media {
namespace {

/// Size of the length field before each NAL unit, from the codec's header (ISO/IEC 14496-15); 0 for start
/// codes.
std::size_t length_bytes(const AVCodecParameters& parameters) {
  const bool h264 = parameters.codec_id == AV_CODEC_ID_H264;
  const std::size_t place = h264 ? 4 : 21;
  const Bytes header(parameters.extradata, static_cast<std::size_t>(std::max(parameters.extradata_size, 0)));
  if (header.size() <= place || header[0] == 0) return 0;
  return (header[place] & 3U) + 1;
}

/// Removes the emulation prevention bytes of a NAL unit (ITU-T H.264, 7.4.1).
std::vector<std::uint8_t> unescape(Bytes unit) {
  std::vector<std::uint8_t> plain;
  std::size_t zeros = 0;
  for (const auto byte : unit) {
    const bool added = zeros >= 2 && byte == 3;
    zeros = byte == 0 ? zeros + 1 : 0;
    if (!added) plain.push_back(byte);
  }
  return plain;
}

/// SEI messages fill their unit: each has a type and a size, and a byte 0x80 follows the last one.
bool holds_messages(Bytes body) {
  const auto plain = unescape(body);
  std::size_t at = 0;
  const auto number = [&] {
    std::size_t value = 0;
    while (at < plain.size() && plain[at] == 0xFF) value += plain[at++];
    return at < plain.size() ? value + plain[at++] : value;
  };
  while (at + 2 < plain.size()) {
    static_cast<void>(number());
    at += number();
  }
  return at + 1 >= plain.size() && at <= plain.size() && !plain.empty() && plain.back() == 0x80;
}

/// Returns true if the unit is not a slice, and cannot be a slice with a damaged header either.
bool is_beside_images(UnitSyntax syntax, Bytes unit) {
  constexpr std::size_t kLongestSet = 1024;  // bytes
  constexpr std::size_t kLongestMark = 8;
  const auto header = header_size(syntax);
  if (unit.size() < header) return false;
  const Bytes body = unit.subspan(header);
  const unsigned type = unit_type(syntax, unit[0]);
  const bool h264 = syntax == UnitSyntax::H264;
  const auto is_one_of = [type](unsigned first, unsigned last) { return type >= first && type <= last; };
  if (type == (h264 ? 6U : 39U) || (!h264 && type == 40)) return holds_messages(body);
  if (h264 ? is_one_of(7, 8) || type == 13 : is_one_of(32, 34)) return unit.size() <= kLongestSet;
  if (h264 ? is_one_of(9, 11) : is_one_of(35, 37)) return unit.size() <= kLongestMark;
  if (type != (h264 ? 12U : 38U)) return false;
  return std::ranges::all_of(body,
                             [](std::uint8_t byte) { return byte == 0xFF || byte == 0x80 || byte == 0; });
}

/// Returns false if a length is impossible: the decoder then reports the damage.
bool are_beside_images(Bytes units, UnitSyntax syntax, std::size_t length_size) {
  while (units.size() >= length_size) {
    std::size_t length = 0;
    for (const auto byte : units.first(length_size)) length = length << 8U | byte;
    units = units.subspan(length_size);
    if (length == 0 || length > units.size()) return false;
    if (!is_beside_images(syntax, units.first(length))) return false;
    units = units.subspan(length);
  }
  return units.empty();
}

bool are_beside_images(Bytes units, UnitSyntax syntax) {
  constexpr std::array<std::uint8_t, 3> kStart{0, 0, 1};
  auto start = std::ranges::search(units, kStart);
  if (start.empty()) return false;
  while (!start.empty()) {
    const Bytes rest(start.end(), units.end());
    const auto next = std::ranges::search(rest, kStart);
    Bytes unit(rest.begin(), next.begin());
    while (!unit.empty() && unit.back() == 0) unit = unit.first(unit.size() - 1);
    if (!is_beside_images(syntax, unit)) return false;
    start = next;
  }
  return true;
}

constexpr std::array<std::uint8_t, 4> kVopStart{0, 0, 1, 0xB6};  // ISO/IEC 14496-2, table 6-3

}  // namespace

bool holds_image(const AVPacket& packet, const AVCodecParameters& parameters) {
  if (packet.size <= 0) return false;
  const Bytes bytes(packet.data, static_cast<std::size_t>(packet.size));
  switch (parameters.codec_id) {
    case AV_CODEC_ID_H264:
    case AV_CODEC_ID_HEVC: {
      const auto syntax = parameters.codec_id == AV_CODEC_ID_H264 ? UnitSyntax::H264 : UnitSyntax::H265;
      const auto size = length_bytes(parameters);
      return !(size == 0 ? are_beside_images(bytes, syntax) : are_beside_images(bytes, syntax, size));
    }
    case AV_CODEC_ID_VP8: {
      constexpr std::uint8_t kShown = 0x10;  // the show_frame bit of the first byte: RFC 6386, section 9.1
      return (bytes[0] & kShown) != 0;
    }
    default:
      return true;
  }
}

void put_before(const AVPacket& first, AVPacket& next) {
  const auto joined = make_av_packet();
  if (av_new_packet(joined.get(), first.size + next.size) < 0 ||
      av_packet_copy_props(joined.get(), &next) < 0)
    throw std::bad_alloc();
  std::memcpy(joined->data, first.data, static_cast<std::size_t>(first.size));
  std::memcpy(joined->data + first.size, next.data, static_cast<std::size_t>(next.size));
  av_packet_unref(&next);
  av_packet_move_ref(&next, joined.get());
}

bool is_packed(const AVPacket& packet, const AVCodecParameters& parameters) {
  constexpr std::size_t kLongestEmpty = 20;  // bytes
  if (parameters.codec_id != AV_CODEC_ID_MPEG4 || packet.size <= 0) return false;
  const Bytes bytes(packet.data, static_cast<std::size_t>(packet.size));
  const auto first = std::ranges::search(bytes, kVopStart);
  if (first.empty() || bytes.size() <= kLongestEmpty) return true;
  return !std::ranges::search(Bytes(first.end(), bytes.end()), kVopStart).empty();
}

}  // namespace freshframe::media
