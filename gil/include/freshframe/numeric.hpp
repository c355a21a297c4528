// Sums, means and differences of numbers in memory of any layout, without copying the memory.
// SPDX-License-Identifier: Apache-2.0
//
// Integers are added exactly, in 128 bits. Floating-point numbers are added together with the rounding error
// of each addition (Real). So the result is the exact sum, rounded once, except for sums that cancel almost
// completely. The result is the same, bit by bit, for every number of threads, on every instruction set, and
// for every layout of the same numbers in the same order of addresses.
//
// Thread-safe; nothing is kept between calls. The memory must stay valid until the call returns. If another
// thread writes into it meanwhile, the result mixes old and new numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

namespace freshframe::numeric {

/// Type of the numbers in an array.
enum class Type : std::uint8_t {
  Bool,  ///< one byte; every byte but 0 counts as 1
  UInt8,
  UInt16,
  UInt32,
  UInt64,
  Int8,
  Int16,
  Int32,
  Int64,
  Float32,
  Float64,
};

/// Returns the size of one number of this type, in bytes.
[[nodiscard]] std::size_t get_size(Type type);

/// Numbers in native byte order, at any alignment. Without axes it is a single number. `shape` and `strides`
/// (bytes, may be negative or 0) have one entry per axis, at most kMaxAxes.
struct View {
  const std::byte* data = nullptr;
  Type type = Type::Float64;
  std::span<const std::ptrdiff_t> shape;
  std::span<const std::ptrdiff_t> strides;
};

inline constexpr std::size_t kMaxAxes = 64;

/// Options of a sum.
struct Options {
  /// Sums the rounding errors of the error terms as well, so that the result is right even if the numbers
  /// cancel almost completely.
  bool compensated = false;
  /// Number of threads to use, including the calling one; at least 1. The other threads exist only during the
  /// call. Uses fewer if there is less than a megabyte per thread, or if the system refuses to start more.
  int threads = 1;
};

/// The value is high * 2^64 + low.
struct Integer {
  std::int64_t high = 0;
  std::uint64_t low = 0;
};

/// The value is (sum + error + rest) * 2^exponent, not rounded; each term is much smaller than the one
/// before. When `sum` is infinite or not a number, it is the value.
struct Real {
  double sum = -0.0;
  double error = 0.0;
  double rest = 0.0;
  int exponent = 0;
};

/// Result of a sum.
struct Total {
  std::variant<Integer, Real> value;
  std::int64_t count = 0;  ///< number of summands
};

/// Returns the sum. Throws std::invalid_argument if `threads` is below 1, there are too many axes, shape and
/// strides have different lengths, or the shape has a negative entry or more than 2^63 - 1 numbers.
[[nodiscard]] Total sum(const View& numbers, const Options& options = {});

/// Returns the sum of |a - b|. Throws std::invalid_argument like sum(), and if the types or shapes differ.
[[nodiscard]] Total absolute_difference(const View& a, const View& b, const Options& options = {});

/// Returns the value, rounded to the nearest double.
[[nodiscard]] double rounded(const Real& value);

/// Returns the value divided by the count, rounded to the nearest double; NaN if the count is 0.
[[nodiscard]] double mean(const Total& total);

}  // namespace freshframe::numeric
