// The layout of a picture in one piece of memory: its planes one after the other, each row aligned.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstddef>
#include <cstdint>

namespace freshframe::core {

/// Sets the planes of `picture`, whose format is set, in `memory`. That may be null if only the sizes are
/// needed. Returns the number of bytes. Throws Error for a size that no frame can have.
std::size_t lay_out(Picture& picture, std::uint8_t* memory);

}  // namespace freshframe::core
