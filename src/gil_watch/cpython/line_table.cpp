// Decoders of both location tables; they stop at damaged or cut bytes instead of trusting them.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/cpython/line_table.hpp"

#include <cstdint>

namespace freshframe::gil {
namespace {

constexpr std::size_t kUnit = 2;  // bytes of one instruction or cache entry

// Kinds of an entry of the 3.11 table: bits 3 to 6 of its first byte.
constexpr unsigned kNoLine = 15;
constexpr unsigned kLong = 14;
constexpr unsigned kNoColumn = 13;
constexpr unsigned kOneLine0 = 10;
constexpr unsigned kOneLine2 = 12;

class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : rest_(bytes) {}
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  unsigned next() {
    if (rest_.empty()) return 0;
    const unsigned byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }
  // Six bits per byte, the least significant first; bit 6 is set when more bytes follow.
  std::uint32_t next_varint() {
    std::uint32_t value = 0;
    unsigned byte = 0;
    for (unsigned shift = 0; shift < 30; shift += 6) {
      byte = next();
      value |= static_cast<std::uint32_t>(byte & 63U) << shift;
      if ((byte & 64U) == 0) break;
    }
    return value;
  }
  // The sign is the lowest bit.
  int next_signed_varint() {
    const std::uint32_t value = next_varint();
    const int magnitude = static_cast<int>(value >> 1U);
    return (value & 1U) != 0 ? -magnitude : magnitude;
  }
  // An entry begins with a byte whose top bit is set.
  void skip_to_entry() {
    while (!rest_.empty() && (static_cast<unsigned char>(rest_.front()) & 0x80U) == 0) rest_.remove_prefix(1);
  }

 private:
  std::string_view rest_;
};

}  // namespace

int line_in_location_table(std::string_view table, int first_line, std::size_t byte_offset) {
  Bytes bytes(table);
  int line = first_line;
  std::size_t end = 0;
  while (!bytes.empty()) {
    const unsigned head = bytes.next();
    const unsigned kind = head >> 3U & 15U;
    end += ((head & 7U) + 1) * kUnit;
    if (kind == kLong || kind == kNoColumn) {
      line += bytes.next_signed_varint();
    } else if (kind >= kOneLine0 && kind <= kOneLine2) {
      line += static_cast<int>(kind - kOneLine0);
    }
    if (byte_offset < end) return kind == kNoLine ? 0 : line;
    bytes.skip_to_entry();
  }
  return 0;
}

int line_in_line_table(std::string_view table, int first_line, std::size_t byte_offset) {
  constexpr int kNoLineDelta = -128;
  int line = first_line;
  std::size_t end = 0;
  for (std::size_t i = 0; i + 1 < table.size(); i += 2) {
    const int byte = static_cast<unsigned char>(table[i + 1]);
    const int delta = byte < 128 ? byte : byte - 256;
    end += static_cast<unsigned char>(table[i]);
    if (delta != kNoLineDelta) line += delta;
    if (byte_offset < end) return delta == kNoLineDelta ? 0 : line;
  }
  return 0;
}

}  // namespace freshframe::gil
