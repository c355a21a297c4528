// A hash of many results, to compare the results of different processors.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace freshframe::test {

/// FNV-1a with 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/), of the values in little-endian order.
class Fingerprint {
 public:
  static_assert(std::endian::native == std::endian::little);

  template <class T>
  void add(T value) {
    std::uint8_t bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    for (const auto byte : bytes) value_ = (value_ ^ byte) * 0x100000001b3U;
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325U;
};

}  // namespace freshframe::test
