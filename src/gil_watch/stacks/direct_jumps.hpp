// Direct jumps out of a function, read from its code.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace freshframe::gil {

/// Whether the function that begins at `from` has a direct jump to `to`: what compilers make of a call in its last
/// statement, and of the way to the part of a function that they have put elsewhere. Looks at its first 4 KiB.
[[nodiscard]] bool jumps_to(std::uintptr_t from, std::uintptr_t to);

}  // namespace freshframe::gil
