// Return addresses recognised by the call before them, for stacks that cannot be unwound further.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace freshframe::gil {

/// Offset in `stack` of the first word at or behind `from` that points behind a call instruction; the stack's
/// size when there is none. It may be left over from a call that has ended, so the result is a guess.
std::size_t find_return_address(std::span<const std::byte> stack, std::size_t from);

}  // namespace freshframe::gil
