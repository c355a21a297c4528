// Text from outside, which may not be UTF-8.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace freshframe::core {

/// Bytes of the letter that `text` begins with; 0: it begins with none. `text` is not empty.
[[nodiscard]] std::size_t letter_size(std::string_view text) noexcept;
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;
/// The text as UTF-8: an invalid byte, such as that of a truncated letter, becomes U+FFFD.
[[nodiscard]] std::string utf8_of(std::string_view text);

}  // namespace freshframe::core
