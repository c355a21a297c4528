// Rows of masks and of their logits.
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

/// Adds a flip with this row for each of the columns that differ. The bytes are 0 or 1.
void find_flips(const std::uint8_t* above, const std::uint8_t* row, std::size_t columns, int number,
                std::vector<MaskFlip>& flips);

/// The sum of rows of `count` floats, each with its weight; row k begins `step` floats after row k - 1.
void weighted_sum(std::span<const float> weights, const float* rows, std::size_t step, std::span<float> sum);

/// `out` = a + share * (b - a) of each element.
void blend_logits(const float* a, const float* b, float share, std::span<float> out);

/// The indices i > 0 for which exactly one of values[i - 1] and values[i] is more than 0.
void find_crossings(std::span<const float> values, std::vector<std::uint32_t>& at);

}  // namespace freshframe::inference
