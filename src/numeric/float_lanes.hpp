// Adds floating-point numbers to 16 sums side by side, each with the errors of its roundings.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/numeric.hpp"

#include <array>
#include <cstddef>

#include "numeric/chunk.hpp"

namespace freshframe::numeric {

/// The numbers of a chunk are read as so many streams; see Note [Reading four streams] in float_lanes.cpp.
inline constexpr std::size_t kStreams = 4;

/// Numbers of a stream that are added side by side.
inline constexpr std::size_t kSide = 4;

/// Number i of stream s goes to lane s * kSide + i % kSide, independent of the width of the machine's vectors.
inline constexpr std::size_t kLanes = kStreams * kSide;

/// A row has kSide numbers of each stream. A tile has that many rows.
inline constexpr std::size_t kTileRows = 64;

/// Numbers of a stream in a tile.
inline constexpr std::size_t kTileSide = kTileRows * kSide;

/// The length of a stream is a multiple of that: a cache line of float32.
inline constexpr std::size_t kStreamUnit = 16;

/// Shorter tiles are added by TwoSum.
inline constexpr std::size_t kRowsWorthABase = 8;

struct FloatLanes {
  FloatLanes() { sum.fill(-0.0); }  // the neutral element: -0 + -0 is -0
  alignas(64) std::array<double, kLanes> sum;
  alignas(64) std::array<double, kLanes> error{};
  alignas(64) std::array<double, kLanes> rest{};
  double scale = 0;  ///< see Note [Adding to a large number]; 0: none yet
};

/// The terms of a stretch.
enum class Term : unsigned char { Number, AbsoluteDifference };

struct FloatKind {
  Type type = Type::Float64;  ///< Float32 or Float64
  Term term = Term::Number;
  bool third_order = false;  ///< carry the errors of the errors
};

/// Parts of all streams, equally long. `b` is used by differences only.
struct Streams {
  std::array<const void*, kStreams> a{};
  std::array<const void*, kStreams> b{};
  std::size_t count = 0;  ///< numbers of each stream, a multiple of kSide
};

/// The length of the streams of that many numbers. Those that are left, fewer than kStreams * kStreamUnit, follow
/// the last stream.
[[nodiscard]] constexpr std::size_t stream_length(std::size_t count) {
  return count / (kStreams * kStreamUnit) * kStreamUnit;
}

/// The power of two by which tiles are scaled whose numbers are at most `largest` in size; 0: there is none.
[[nodiscard]] double scale_for(double largest);

/// Chooses the best instruction set of this machine at run time. All parts of a stream but the last hold a multiple of
/// kTileSide numbers.
void add_streams(FloatLanes& lanes, const FloatKind& kind, const Streams& streams);

/// All numbers of a chunk, which lie in a row: its streams, then the numbers that are left.
void add_floats(FloatLanes& lanes, const FloatKind& kind, const Stretch& stretch);

/// The lanes' sum. Destroys the content of the lanes.
[[nodiscard]] Real add_up(FloatLanes& lanes);

}  // namespace freshframe::numeric
