// Escapes of URLs: "%41" (RFC 3986, 2.1).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "core/ascii.hpp"

namespace freshframe::core {

inline constexpr std::size_t kPercentEscape = 3;  // bytes

/// The byte that the escape at the beginning of `text` stands for; nullopt: none is there.
[[nodiscard]] constexpr std::optional<char> percent_escape(std::string_view text) noexcept {
  if (text.size() < kPercentEscape || text[0] != '%') return std::nullopt;
  const int high = hex_digit(text[1]);
  const int low = hex_digit(text[2]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

}  // namespace freshframe::core
