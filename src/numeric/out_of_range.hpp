// Sums of doubles that overflowed meanwhile, and those with infinities among their terms.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/numeric.hpp"

#include "numeric/float_lanes.hpp"
#include "numeric/layout.hpp"

namespace freshframe::numeric {

/// The terms of `value` are finite.
[[nodiscard]] bool in_range(const Real& value);

/// The sum when the lanes' result `value` is out of range: infinite or NaN if one of the numbers is, and
/// otherwise their sum with an exponent of its own.
[[nodiscard]] Real add_beyond_range(const Layout& layout, const FloatKind& kind, const Real& value);

}  // namespace freshframe::numeric
