// Unrounded sums to doubles: the sum itself, and divided by the count.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <variant>

#include "numeric/integer_chunk.hpp"
#include "numeric/two_sum.hpp"

namespace freshframe::numeric {
namespace {

__extension__ using UnsignedWide = unsigned __int128;

int bits_of(UnsignedWide value) {
  const auto high = static_cast<std::uint64_t>(value >> 64);
  return static_cast<int>(high != 0 ? 64 + std::bit_width(high)
                                    : std::bit_width(static_cast<std::uint64_t>(value)));
}

struct Two {
  double sum;
  double error;
};

// After cancellation the error may be as large as the sum.
Two in_two(const Real& value) {
  const bool plain = value.error == 0 && value.rest == 0;  // keeps the sign of 0
  if (plain || !std::isfinite(value.sum)) return {value.sum, 0};
  Two two{value.sum, value.error};
  const double rest = two_sum(two.error, value.rest);
  two.error = two_sum(two.sum, two.error) + rest;
  return two;
}

// A quotient of at least 64 bits whose last bit is set if there is a remainder (sticky bit), so that
// converting it rounds only once.
double divide(const Integer& value, std::int64_t count) {
  const Wide total = (static_cast<Wide>(value.high) << 64) + static_cast<Wide>(value.low);
  const auto magnitude = static_cast<UnsignedWide>(total < 0 ? -total : total);
  const auto divisor = static_cast<UnsignedWide>(count);
  const int shift = std::max(0, 64 - (bits_of(magnitude) - bits_of(divisor)));
  if (magnitude == 0) return 0.0;
  const UnsignedWide scaled = magnitude << shift;
  UnsignedWide quotient = scaled / divisor;
  if (scaled % divisor != 0) quotient |= 1;
  const double mean = std::ldexp(static_cast<double>(quotient), -shift);
  return total < 0 ? -mean : mean;
}

// Long division, one digit at a time: the remainder of the first division is divided again.
double divide(const Real& value, std::int64_t count) {
  const auto divisor = static_cast<double>(count);
  auto [sum, error] = in_two(value);
  const double quotient = sum / divisor;
  if (!std::isfinite(quotient)) return quotient;
  const double left = std::fma(-quotient, divisor, sum) + error;
  const double mean = left == 0 ? quotient : quotient + left / divisor;
  return std::ldexp(mean, value.exponent);
}

}  // namespace

double rounded(const Real& value) {
  const auto [sum, error] = in_two(value);
  return std::ldexp(error == 0 ? sum : sum + error, value.exponent);
}

double mean(const Total& total) {
  if (total.count == 0) return std::numeric_limits<double>::quiet_NaN();
  return std::visit([&](const auto& value) { return divide(value, total.count); }, total.value);
}

}  // namespace freshframe::numeric
