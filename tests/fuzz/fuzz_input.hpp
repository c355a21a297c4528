// Reads a fuzzer's bytes as small numbers; past their end everything is 0.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

namespace freshframe::fuzz {

inline void require(bool holds) {
  if (!holds) std::abort();
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : bytes_(data, size) {}

  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  std::uint8_t byte() {
    if (bytes_.empty()) return 0;
    const std::uint8_t first = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return first;
  }
  /// 0 to bound - 1; bound at most 65536.
  int below(int bound) {
    const int low = byte();
    return (low | byte() << 8) % bound;
  }
  /// Any bits as a number, infinities and NaN among them.
  template <class Number>
  Number any() {
    std::uint8_t raw[sizeof(Number)];
    for (auto& b : raw) b = byte();
    Number value;
    std::memcpy(&value, raw, sizeof value);
    return value;
  }
  [[nodiscard]] std::span<const std::uint8_t> rest() const { return bytes_; }

 private:
  std::span<const std::uint8_t> bytes_;
};

}  // namespace freshframe::fuzz
