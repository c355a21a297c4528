// Sums of doubles that overflowed meanwhile, and those with infinities among their terms.
// SPDX-License-Identifier: Apache-2.0
//
// A rare case, so the code is simple: one thread, one copy through a small buffer. Numbers are scaled down by
// 2^-128: the bits that small ones lose are far below the last bit of a sum that overflowed.
#include "numeric/out_of_range.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "numeric/two_sum.hpp"
#include "numeric/walk.hpp"

namespace freshframe::numeric {
namespace {

constexpr int kExponent = 128;

struct Seen {
  bool nan = false;
  bool positive = false;  // an infinity
  bool negative = false;

  void look(double x) {
    nan |= std::isnan(x);
    positive |= std::isinf(x) && x > 0;
    negative |= std::isinf(x) && x < 0;
  }
  [[nodiscard]] bool any() const { return nan || positive || negative; }
  [[nodiscard]] double sum() const {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (nan || (positive && negative)) return std::numeric_limits<double>::quiet_NaN();
    return positive ? kInfinity : -kInfinity;
  }
};

}  // namespace

bool in_range(const Real& value) {
  return std::isfinite(value.sum + value.error + value.rest);
}

Real add_beyond_range(const Layout& layout, const FloatKind& kind, const Real& value) {
  // Sums of floats cannot leave the range of doubles.
  if (kind.type == Type::Float32) return {.sum = value.sum};
  Seen seen;
  Real total;
  Walk walk(layout, 0);
  std::array<double, kGathered> scaled;  // NOLINT(*-member-init)
  for (std::int64_t left = layout.count; left > 0;) {
    const Stretch stretch = walk.next(std::min(left, kGathered));
    left -= static_cast<std::int64_t>(stretch.count);
    const auto* const a = static_cast<const double*>(stretch.a);
    const auto* const b = static_cast<const double*>(stretch.b);
    for (std::size_t i = 0; i < stretch.count; ++i) {
      scaled[i] = std::ldexp(a[i], -kExponent);
      if (kind.term == Term::AbsoluteDifference)
        scaled[i] = std::abs(scaled[i] - std::ldexp(b[i], -kExponent));
      seen.look(scaled[i]);
    }
    FloatLanes lanes;
    add_floats(lanes, {Type::Float64, Term::Number, kind.third_order},
               {scaled.data(), nullptr, stretch.count});
    add(total, add_up(lanes));
  }
  if (seen.any()) return {.sum = seen.sum()};
  total.exponent = kExponent;
  return total;
}

}  // namespace freshframe::numeric
