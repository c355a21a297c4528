// Addition that keeps its rounding error, and the fixed tree that combines partial sums.
// SPDX-License-Identifier: Apache-2.0
//
// TwoSum: D. E. Knuth, "The Art of Computer Programming" vol. 2 (1969), 4.2.2, theorem B. Carrying the errors
// of a sum, and the errors of those: T. Ogita, S. M. Rump, S. Oishi, "Accurate sum and dot product", SIAM J.
// Sci. Comput. 26 (2005), algorithms 4.4 (Sum2) and 4.8 (SumK).
#pragma once

#include "freshframe/numeric.hpp"

#include <cstddef>
#include <span>

namespace freshframe::numeric {

/// Sets `a` to the rounded sum of both. Returns the rounding error, which is exact unless the sum overflows.
inline double two_sum(double& a, double b) {
  const double before = a;
  a = before + b;
  const double added = a - before;
  return (before - (a - added)) + (b - added);
}

inline void add(Real& to, const Real& more) {
  const double lost = two_sum(to.sum, more.sum);
  to.rest += more.rest;
  to.rest += two_sum(to.error, more.error);
  to.rest += two_sum(to.error, lost);
}

/// Pairwise: the order of additions depends only on the number of parts.
inline Real add_up(std::span<const Real> parts) {
  if (parts.empty()) return {};
  if (parts.size() == 1) return parts.front();
  const std::size_t half = parts.size() / 2;
  Real total = add_up(parts.first(half));
  add(total, add_up(parts.subspan(half)));
  return total;
}

}  // namespace freshframe::numeric
