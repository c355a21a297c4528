// Where functions begin, from the unwind tables that the process has loaded: they know also those whose names
// were stripped.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace freshframe::gil {

/// Address of the first instruction of the function around `address`; 0: unknown. No matter whether the
/// library at this address is unloaded meanwhile.
std::uintptr_t function_start(std::uintptr_t address);

}  // namespace freshframe::gil
