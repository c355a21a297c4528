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

/// Outermost axis first; the last one is the run that is walked through, and always exists. The order is that
/// of `a`'s addresses, upwards: an array, its transpose and its reversal are the same.
struct Layout {
  std::array<const std::byte*, 2> data{};
  std::vector<Axis> axes;
  std::size_t item = 1;    ///< bytes of one number
  std::size_t arrays = 1;  ///< 1 or 2
  std::int64_t count = 1;  ///< numbers in each array
  /// The numbers of a run are neighbours in every array, and where the compiler wants numbers of their size.
  bool direct = false;
};

/// `std::invalid_argument`: as sum() and absolute_difference() say.
[[nodiscard]] Layout layout_of(const View& a);
[[nodiscard]] Layout layout_of(const View& a, const View& b);

}  // namespace freshframe::numeric
