// Sums of doubles that overflowed on their way, and those with infinities among their terms.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/numeric.hpp"

#include "numeric/float_lanes.hpp"
#include "numeric/layout.hpp"

namespace freshframe::numeric {

/// The terms of `value` are numbers that can be used.
[[nodiscard]] bool in_range(const Real& value);

/// What the sum is when the lanes gave `value`, which is not in range: infinite or not a number if one of the
/// numbers is, and otherwise their sum all the same, with an exponent of its own.
[[nodiscard]] Real add_beyond_range(const Layout& layout, const FloatKind& kind, const Real& value);

}  // namespace freshframe::numeric
