// Weighted sums of bytes, along a row and over rows, vectorised for each instruction set.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace freshframe::inference {

/// Weights are whole: this many are 1.
inline constexpr int kWeightBits = 22;
/// Rows are this much longer than their content, so that loops can process whole vectors.
inline constexpr std::size_t kSumSlack = 64;

/// The sums of each output of a row: `taps` samples from the byte `first[i]` on. `weights` has a row of `stride`
/// numbers for each tap, one per output; after the taps of an output they are 0.
struct AlongRow {
  const std::int32_t* first;
  const std::int32_t* weights;
  std::size_t stride;
  std::size_t taps;  // a multiple of taps_at_once()
};
/// How many samples of `components` bytes are read at once.
[[nodiscard]] constexpr std::size_t taps_at_once(std::size_t components) {
  return components == 1 ? 4 : 1;
}
/// Whole levels of 1 or 3 components, half up. Reads four bytes after the last tap, and writes up to kSumSlack more.
void sum_along(const std::uint8_t* row, std::size_t components, const AlongRow& how,
               const std::array<std::uint8_t*, 3>& out, std::size_t count);

/// The sums of `taps` rows that lie `stride` bytes apart: whole levels, half up. Reads and writes up to kSumSlack more.
struct OverRows {
  const std::int32_t* weights;
  std::size_t taps;
  std::size_t stride;
};
void sum_over(const std::uint8_t* rows, const OverRows& how, float* out, std::size_t count);

}  // namespace freshframe::inference
