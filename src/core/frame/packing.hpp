// All planes of a picture in one piece of memory without gaps.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstddef>
#include <cstdint>

namespace freshframe::core {

/// Bytes of the packed picture. Throws OptionError for an odd size of a subsampled format, which has no
/// packed form.
[[nodiscard]] std::size_t packed_size(const PictureFormat& format);
[[nodiscard]] bool lies_packed(const Picture& picture) noexcept;
void copy_packed(const Picture& picture, std::uint8_t* to) noexcept;

}  // namespace freshframe::core
