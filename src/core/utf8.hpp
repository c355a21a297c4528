// Strings from outside, which may not be valid UTF-8.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace freshframe::core {

/// Returns the number of bytes of the character that `text` starts with; 0: it is invalid. `text` must not be
/// empty.
[[nodiscard]] std::size_t letter_size(std::string_view text) noexcept;
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;
/// Returns the start of a string, at most `most` bytes, without cutting a character.
[[nodiscard]] std::string_view first_letters(std::string_view text, std::size_t most) noexcept;
/// Returns the end of a string, at most `most` bytes, without cutting a character.
[[nodiscard]] std::string_view last_letters(std::string_view text, std::size_t most) noexcept;
/// Appends the code point; U+FFFD if it is invalid, or NUL, which ends strings in many APIs.
void append_letter(std::string& text, std::uint32_t letter);
/// Returns valid UTF-8: invalid bytes, such as those of a truncated character, become U+FFFD.
[[nodiscard]] std::string to_utf8(std::string_view text);

}  // namespace freshframe::core
