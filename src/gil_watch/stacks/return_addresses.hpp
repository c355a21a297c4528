// Return addresses by their looks, for stacks whose unwinding got stuck.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace freshframe::gil {

/// Offset in `stack` of the first word at or behind `from` that points behind a call instruction; the stack's
/// size when there is none. It may be left from a call that has ended: what comes of it is a guess.
std::size_t find_return_address(std::span<const std::byte> stack, std::size_t from);

}  // namespace freshframe::gil
