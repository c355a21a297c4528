// Finds the end of a JPEG picture by its segments, since a picture in its metadata has an end, too.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/filter/jpeg_end.hpp"

#include <algorithm>
#include <cstring>

namespace freshframe::media {
namespace {

// ITU-T T.81, table B.1.
constexpr std::uint8_t kFirst = 0xFF;  // of each marker, and padding before it
constexpr std::uint8_t kStuffed = 0x00;
constexpr std::uint8_t kTemporary = 0x01;
constexpr std::uint8_t kLastReserved = 0xBF;
constexpr std::uint8_t kSoi = 0xD8;
constexpr std::uint8_t kEoi = 0xD9;
constexpr std::uint8_t kSos = 0xDA;

bool is_restart(std::uint8_t code) {
  return code >= 0xD0 && code <= 0xD7;
}

}  // namespace

std::size_t JpegEnd::add(Bytes bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && state_ != State::Ended && state_ != State::NoJpeg) {
    at += skipped(bytes.subspan(at));
    if (at < bytes.size()) state_ = after(bytes[at++]);
  }
  return at;
}

/// How many of the bytes tell nothing.
std::size_t JpegEnd::skipped(Bytes bytes) noexcept {
  if (state_ == State::Segment) {
    const auto count = std::min(left_, bytes.size());
    left_ -= count;
    if (left_ == 0) state_ = begins_scan_ ? State::Scan : State::Marker;
    return count;
  }
  if (state_ != State::Scan) return 0;
  const void* found = std::memchr(bytes.data(), kFirst, bytes.size());
  if (found == nullptr) return bytes.size();
  return static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - bytes.data());
}

JpegEnd::State JpegEnd::after(std::uint8_t byte) noexcept {
  switch (state_) {
    case State::Start:
      return byte == kFirst ? State::Soi : State::NoJpeg;
    case State::Soi:
      return byte == kSoi ? State::Marker : State::NoJpeg;
    case State::Marker:
      return byte == kFirst ? State::Code : State::NoJpeg;
    case State::Code:
      return at_code(byte);
    case State::LengthHigh:
      left_ = std::size_t{byte} << 8U;
      return State::LengthLow;
    case State::LengthLow:
      left_ |= byte;
      if (left_ < 2) return State::NoJpeg;  // it counts its own bytes
      left_ -= 2;
      if (left_ > 0) return State::Segment;
      return begins_scan_ ? State::Scan : State::Marker;
    case State::Scan:
    case State::ScanMarker:
      return in_scan(byte);
    default:
      return state_;
  }
}

JpegEnd::State JpegEnd::at_code(std::uint8_t code) noexcept {
  if (code == kFirst) return State::Code;
  if (code == kEoi) return State::Ended;
  if (code == kTemporary || is_restart(code)) return State::Marker;
  if (code <= kLastReserved || code == kSoi) return State::NoJpeg;
  begins_scan_ = code == kSos;
  return State::LengthHigh;
}

JpegEnd::State JpegEnd::in_scan(std::uint8_t byte) noexcept {
  if (state_ == State::Scan) return byte == kFirst ? State::ScanMarker : State::Scan;
  if (byte == kFirst) return State::ScanMarker;
  if (byte == kStuffed || is_restart(byte)) return State::Scan;
  return at_code(byte);
}

}  // namespace freshframe::media
