// Arrays for the tests of numeric: their numbers, their layouts, and reference sums.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/numeric.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <random>
#include <type_traits>
#include <variant>
#include <vector>

namespace freshframe::test {

template <class T>
constexpr numeric::Type type_of() {
  using numeric::Type;
  if constexpr (std::is_same_v<T, double>) return Type::Float64;
  if constexpr (std::is_same_v<T, float>) return Type::Float32;
  constexpr Type kSigned[] = {Type::Int8, Type::Int16, Type::Int32, Type::Int64};
  constexpr Type kUnsigned[] = {Type::UInt8, Type::UInt16, Type::UInt32, Type::UInt64};
  constexpr std::size_t kPlace = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
  return std::is_signed_v<T> ? kSigned[kPlace] : kUnsigned[kPlace];
}

/// A view that owns its shape and strides, not its numbers.
struct Laid {
  const std::byte* data = nullptr;
  numeric::Type type = numeric::Type::Float64;
  std::vector<std::ptrdiff_t> shape;
  std::vector<std::ptrdiff_t> strides;

  [[nodiscard]] numeric::View view() const { return {data, type, shape, strides}; }
};

template <class T>
Laid in_a_row(const std::vector<T>& numbers) {
  return {reinterpret_cast<const std::byte*>(numbers.data()),
          type_of<T>(),
          {static_cast<std::ptrdiff_t>(numbers.size())},
          {sizeof(T)}};
}

inline double sum_of(const Laid& numbers, const numeric::Options& options = {}) {
  return numeric::rounded(std::get<numeric::Real>(numeric::sum(numbers.view(), options).value));
}

inline numeric::Integer integer_of(const numeric::Total& total) {
  return std::get<numeric::Integer>(total.value);
}

/// The exact sum, rounded: J. R. Shewchuk, "Adaptive precision floating-point arithmetic", 1997, as in
/// Python's fsum.
inline double exact_sum(const std::vector<double>& numbers) {
  std::vector<double> partials;
  for (double x : numbers) {
    std::size_t kept = 0;
    for (double y : partials) {
      if (std::abs(x) < std::abs(y)) std::swap(x, y);
      const double high = x + y;
      const double low = y - (high - x);
      if (low != 0) partials[kept++] = low;
      x = high;
    }
    partials.resize(kept);
    partials.push_back(x);
  }
  double high = 0;
  while (!partials.empty()) {
    const double x = high;
    const double y = partials.back();
    partials.pop_back();
    high = x + y;
    const double low = y - (high - x);
    if (low == 0) continue;
    // Half-way cases depend on the sign of the remainder.
    if (!partials.empty() && (low < 0) == (partials.back() < 0)) {
      const double twice = low * 2;
      const double rounded = high + twice;
      if (twice == rounded - high) high = rounded;
    }
    break;
  }
  return high;
}

/// Numbers of both signs over `decades` powers of ten.
inline std::vector<double> mixed(std::size_t count, double decades, unsigned seed = 1) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> exponent(0, decades);
  std::vector<double> numbers(count);
  for (double& x : numbers) x = std::pow(10.0, exponent(random)) * ((random() & 1) != 0 ? 1 : -1);
  return numbers;
}

}  // namespace freshframe::test
