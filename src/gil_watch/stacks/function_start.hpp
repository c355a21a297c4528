// The starts of functions, from the loaded unwind tables, which also have the functions whose names were
// stripped.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace freshframe::gil {

/// Address of the first instruction of the function around `address`; 0: unknown. The library at this address
/// may be unloaded meanwhile.
std::uintptr_t function_start(std::uintptr_t address);

}  // namespace freshframe::gil
