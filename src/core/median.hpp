// The median of values.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace freshframe::core {

/// Returns the upper of the two middle values if their number is even. Takes at least one value, and leaves
/// their order undefined.
template <class T>
[[nodiscard]] T find_median(std::vector<T>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace freshframe::core
