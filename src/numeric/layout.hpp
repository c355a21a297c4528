// One or two arrays of the same shape as a few nested runs through memory.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/numeric.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace freshframe::numeric {

struct Axis {
  std::ptrdiff_t count = 1;
  std::array<std::ptrdiff_t, 2> strides{};  ///< of `a` and of `b`
};

/// Outermost axis first. The last axis is the run, which always exists. The order is that of `a`'s addresses,
/// ascending: an array, its transpose and its reversal have the same layout.
struct Layout {
  std::array<const std::byte*, 2> data{};
  std::vector<Axis> axes;
  std::size_t item = 1;    ///< bytes of one number
  std::size_t arrays = 1;  ///< 1 or 2
  std::int64_t count = 1;  ///< numbers in each array
  /// The numbers of a run are consecutive in every array, and aligned for their type.
  bool direct = false;
};

/// `std::invalid_argument`: as sum() and absolute_difference() say.
[[nodiscard]] Layout layout_of(const View& a);
[[nodiscard]] Layout layout_of(const View& a, const View& b);

}  // namespace freshframe::numeric
