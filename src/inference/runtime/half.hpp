// Numbers of 16 bits (IEEE 754 binary16) as float32, which holds each of them exactly.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace freshframe::inference {

[[nodiscard]] inline float float_of_half(std::uint16_t half) {
  constexpr std::uint32_t kFractionBits = 10;
  constexpr std::uint32_t kShift = 23 - kFractionBits;  // float32 has 23 bits of fraction
  constexpr std::uint32_t kBias = 127 - 15;             // of the exponents
  const auto sign = static_cast<std::uint32_t>(half & 0x8000U) << 16U;
  const std::uint32_t exponent = (half >> kFractionBits) & 0x1FU;
  const std::uint32_t fraction = half & 0x3FFU;
  if (exponent == 0) {  // zero and the subnormal numbers, multiples of 2 ** -24
    const float size = std::ldexp(static_cast<float>(fraction), -24);
    return sign != 0 ? -size : size;
  }
  const std::uint32_t wide =
      exponent == 0x1FU ? 0xFFU : exponent + kBias;  // infinity and NaN keep all bits set
  return std::bit_cast<float>(sign | wide << 23U | fraction << kShift);
}

}  // namespace freshframe::inference
