// Percent-encoding in URLs, such as "%41" (RFC 3986, 2.1).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/ascii.hpp"

namespace freshframe::core {

inline constexpr std::size_t kPercentEscape = 3;  // bytes

/// Returns the byte that the escape at the start of `text` stands for, or nullopt if there is no escape.
[[nodiscard]] constexpr std::optional<char> percent_escape(std::string_view text) noexcept {
  if (text.size() < kPercentEscape || text[0] != '%') return std::nullopt;
  const int high = hex_digit(text[1]);
  const int low = hex_digit(text[2]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

/// Decodes the escapes of those bytes for which `wanted` returns true. Other escapes, and invalid ones, are
/// kept.
template <class Wanted>
[[nodiscard]] std::string percent_decoded(std::string_view text, Wanted&& wanted) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto escaped = percent_escape(text.substr(i));
    const bool decodes = escaped && wanted(*escaped);
    result += decodes ? *escaped : text[i];
    if (decodes) i += kPercentEscape - 1;
  }
  return result;
}

[[nodiscard]] inline std::string percent_decoded(std::string_view text) {
  return percent_decoded(text, [](char) { return true; });
}

/// Escapes each byte except ASCII letters, digits, '-', '_' and the characters in `others`.
[[nodiscard]] inline std::string percent_encoded(std::string_view text, std::string_view others = {}) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char each : text) {
    const char small = lower_case(each);
    const auto byte = static_cast<unsigned char>(each);
    if (is_digit(each) || (small >= 'a' && small <= 'z') || each == '-' || each == '_' ||
        others.find(each) != std::string_view::npos) {
      out += each;
    } else {
      out.append({'%', kHex[byte >> 4U], kHex[byte & 15U]});
    }
  }
  return out;
}

}  // namespace freshframe::core
