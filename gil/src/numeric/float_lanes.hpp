// Adds floating-point numbers to 32 sums side by side, each with its rounding errors.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/numeric.hpp"

#include <array>
#include <cstddef>

#include "numeric/chunk.hpp"

namespace freshframe::numeric {

/// Number i of a chunk goes to lane i % kLanes, whatever the vector width of the machine. This is part of the
/// definition of the result.
inline constexpr std::size_t kLanes = 32;

/// A row is kLanes numbers. A tile has kTileRows rows.
inline constexpr std::size_t kTileRows = 64;
inline constexpr std::size_t kTile = kTileRows * kLanes;

/// Shorter tiles are added with TwoSum.
inline constexpr std::size_t kRowsWorthABase = 8;

struct FloatLanes {
  FloatLanes() { sum.fill(-0.0); }  // the neutral element: -0 + -0 is -0
  alignas(64) std::array<double, kLanes> sum;
  alignas(64) std::array<double, kLanes> error{};
  alignas(64) std::array<double, kLanes> rest{};
  double scale = 0;  ///< see Note [Adding to a large number]; 0 until it is set
};

/// The terms of a stretch.
enum class Term : unsigned char { Number, AbsoluteDifference };

struct FloatKind {
  Type type = Type::Float64;  ///< Float32 or Float64
  Term term = Term::Number;
  bool third_order = false;  ///< whether rounding errors of the error terms are summed, too
};

/// The power of two that scales tiles whose numbers are at most `largest` in magnitude; 0 if there is none.
[[nodiscard]] double scale_for(double largest);

/// Adds a part of a chunk with the best instruction set of this machine. Every part of a chunk except the
/// last holds a multiple of kTile numbers.
void add_floats(FloatLanes& lanes, const FloatKind& kind, const Stretch& stretch);

/// Returns the sum of the lanes. Destroys their content.
[[nodiscard]] Real add_up(FloatLanes& lanes);

}  // namespace freshframe::numeric
