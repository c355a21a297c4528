// How a picture lies in one piece of memory: its planes one after the other, each row aligned.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstddef>
#include <cstdint>

namespace freshframe::core {

/// Gives `picture`, whose format is set, its planes in `memory`, which may be null as long as only the sizes
/// are wanted. Returns the bytes that it takes. Throws Error for a size that no frame can have.
std::size_t lay_out(Picture& picture, std::uint8_t* memory);

}  // namespace freshframe::core
