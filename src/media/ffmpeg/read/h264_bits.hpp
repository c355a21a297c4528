// Reads bits of H.264 headers and parameter sets.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace freshframe::media {

/// Reads a NAL unit's payload, most significant bit first. Past the end, all bits are 0 and `ok()` is false.
class Bits {
 public:
  /// Removes the emulation prevention bytes: 0 0 3 stands for 0 0.
  explicit Bits(std::span<const std::uint8_t> unit) {
    int zeros = 0;
    for (const std::uint8_t byte : unit) {
      if (zeros >= 2 && byte == 3) {
        zeros = 0;
        continue;
      }
      zeros = byte == 0 ? zeros + 1 : 0;
      bytes_.push_back(byte);
    }
  }

  [[nodiscard]] bool ok() const { return ok_; }

  std::uint32_t take(int count) {
    std::uint32_t value = 0;
    for (int i = 0; i < count; ++i) value = value << 1U | bit();
    return value;
  }
  bool flag() { return bit() != 0; }
  void skip(int count) { static_cast<void>(take(count)); }

  /// Reads an unsigned Exp-Golomb code. A signed one has the same length.
  std::uint32_t number() {
    int zeros = 0;
    while (ok_ && bit() == 0) ++zeros;
    if (zeros > 31) ok_ = false;
    return ok_ ? (std::uint32_t{1} << static_cast<unsigned>(zeros)) - 1 + take(zeros) : 0;
  }
  int signed_number() {
    const std::uint32_t code = number();
    const auto half = static_cast<int>(code / 2);
    return code % 2 == 1 ? half + 1 : -half;
  }
  void skip_numbers(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count && ok_; ++i) static_cast<void>(number());
  }

 private:
  std::uint32_t bit() {
    if (at_ == 8 * bytes_.size()) {
      ok_ = false;
      return 0;
    }
    const auto shift = static_cast<unsigned>(7 - at_ % 8);
    return bytes_[at_++ / 8] >> shift & 1U;
  }

  std::vector<std::uint8_t> bytes_;
  std::size_t at_ = 0;  // bits
  bool ok_ = true;
};

/// Returns true if the sequence parameter sets of this profile have the fields of the high profiles
/// (7.3.2.1.1).
[[nodiscard]] bool is_high_profile(std::uint32_t profile);
/// Reads the fields of the high profiles. Returns separate_colour_plane_flag.
bool read_high_profile(Bits& bits);

}  // namespace freshframe::media
