// Vectorized operations on rows of masks and logits.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace freshframe::inference {

struct MaskFlip {
  int column = 0;
  int row = 0;
};

/// Appends a flip at row `number` for each column in which the two rows differ. The bytes are 0 or 1.
void find_flips(const std::uint8_t* above, const std::uint8_t* row, std::size_t columns, int number,
                std::vector<MaskFlip>& flips);

/// Computes the weighted sum of rows of `count` floats. Consecutive rows are `step` floats apart.
void weighted_sum(std::span<const float> weights, const float* rows, std::size_t step, std::span<float> sum);

/// `out` = a + share * (b - a), elementwise.
void blend_logits(const float* a, const float* b, float share, std::span<float> out);

/// Finds the indexes i > 0 for which exactly one of values[i - 1] and values[i] is positive.
void find_crossings(std::span<const float> values, std::vector<std::uint32_t>& at);

}  // namespace freshframe::inference
