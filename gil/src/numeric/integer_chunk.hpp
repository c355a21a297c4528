// Adds up integers exactly, a chunk at a time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/numeric.hpp"

#include "numeric/chunk.hpp"
#include "numeric/float_lanes.hpp"

namespace freshframe::numeric {

/// __int128 is an extension of g++ and clang, for which -Wpedantic warns.
__extension__ using Wide = __int128;

struct IntegerKind {
  Type type = Type::UInt8;
  Term term = Term::Number;
};

/// Sums of the lower and the upper halves of the numbers. Only with 64-bit numbers does an upper half count
/// 2^32; narrower numbers are split only so that their sums do not overflow.
struct Halves {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

/// Returns the exact sum of at most kChunk terms. Chooses the best instruction set of this machine at run
/// time.
[[nodiscard]] Wide add_integers(const IntegerKind& kind, const Stretch& stretch);

}  // namespace freshframe::numeric
