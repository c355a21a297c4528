// Text from outside, which may not be UTF-8.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace freshframe::core {

/// Bytes of the letter that `text` begins with; 0 means it begins with none. `text` is not empty.
[[nodiscard]] std::size_t letter_size(std::string_view text) noexcept;
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;
/// The beginning of a text, at most `most` bytes, without a letter that the limit would cut.
[[nodiscard]] std::string_view first_letters(std::string_view text, std::size_t most) noexcept;
/// The end of a text, at most `most` bytes, without a letter that the limit would cut.
[[nodiscard]] std::string_view last_letters(std::string_view text, std::size_t most) noexcept;
/// Appends the letter of this number: U+FFFD for a number of no letter, and for NUL, at which many texts end.
void append_letter(std::string& text, std::uint32_t letter);
/// The text as UTF-8: an invalid byte, such as the rest of a truncated letter, becomes U+FFFD.
[[nodiscard]] std::string to_utf8(std::string_view text);

}  // namespace freshframe::core
