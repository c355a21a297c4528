// ASCII letters, digits and blanks, independent of the locale.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace freshframe::core {

[[nodiscard]] constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

[[nodiscard]] constexpr char lower_case(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Capital letters of other alphabets stay.
[[nodiscard]] inline std::string lower_case(std::string_view text) {
  std::string small(text);
  std::ranges::transform(small, small.begin(), [](char c) { return lower_case(c); });
  return small;
}

/// The value of a hexadecimal digit; -1 for another letter.
[[nodiscard]] constexpr int hex_digit(char c) noexcept {
  if (is_digit(c)) return c - '0';
  const char small = lower_case(c);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

/// Whether a text is digits only; false for an empty text.
[[nodiscard]] constexpr bool all_digits(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, is_digit);
}

/// Returns the text without spaces, tabs and carriage returns at either end.
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view kBlank = " \t\r";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

/// A decimal number at the beginning of `text`, after spaces; nullopt means that the text does not begin with one, or
/// that it exceeds `most`.
[[nodiscard]] inline std::optional<std::int64_t> number_at(std::string_view text,
                                                           std::int64_t most) noexcept {
  text = trimmed(text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data() || value > static_cast<std::uint64_t>(most))
    return std::nullopt;
  return static_cast<std::int64_t>(value);
}

}  // namespace freshframe::core
