// Weighted sums of bytes, along rows and across rows, vectorized for each instruction set.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace freshframe::inference {

/// Fixed-point weights: 1.0 is 1 << kWeightBits.
inline constexpr int kWeightBits = 22;
/// Rows are padded by this much, so that loops can process whole vectors.
inline constexpr std::size_t kSumSlack = 64;

/// Sums along a row: for each output, `taps` samples starting at byte `first[i]`. `weights` has one row of
/// `stride` values per tap, with one value per output, padded with 0.
struct AlongRow {
  const std::int32_t* first;
  const std::int32_t* weights;
  std::size_t stride;
  std::size_t taps;  // a multiple of taps_at_once()
};
/// Number of samples of `components` bytes read in one step.
[[nodiscard]] constexpr std::size_t taps_at_once(std::size_t components) {
  return components == 1 ? 4 : 1;
}
/// Integer levels of 1 or 3 components, rounded half up. Reads four bytes beyond the last tap, and writes up
/// to kSumSlack beyond the end.
void sum_along(const std::uint8_t* row, std::size_t components, const AlongRow& how,
               const std::array<std::uint8_t*, 3>& out, std::size_t count);

/// Sums across `taps` rows, `stride` bytes apart: integer levels, rounded half up. Reads and writes up to
/// kSumSlack beyond the end.
struct OverRows {
  const std::int32_t* weights;
  std::size_t taps;
  std::size_t stride;
};
void sum_over(const std::uint8_t* rows, const OverRows& how, float* out, std::size_t count);

}  // namespace freshframe::inference
