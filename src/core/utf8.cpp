// Reads UTF-8 as RFC 3629 defines it: no surrogates, nothing overlong, nothing above U+10FFFF.
// SPDX-License-Identifier: Apache-2.0
#include "core/utf8.hpp"

#include <algorithm>
#include <cstdint>

namespace freshframe::core {

std::size_t letter_size(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0U; };
  const auto first = at(0);
  if (first < 0x80) return 1;
  const std::size_t size = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  // The second byte tells whether the code point is overlong, a surrogate, or beyond Unicode.
  const auto least = first == 0xE0 ? 0xA0U : first == 0xF0 ? 0x90U : 0x80U;
  const auto most = first == 0xED ? 0x9FU : first == 0xF4 ? 0x8FU : 0xBFU;
  if (size == 0 || at(1) < least || at(1) > most) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if (at(i) < 0x80 || at(i) > 0xBF) return 0;
  }
  return size;
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto size = letter_size(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

// Bytes that are not UTF-8 may be cut anywhere.
std::string_view first_letters(std::string_view text, std::size_t most) noexcept {
  if (text.size() <= most) return text;
  for (std::size_t back = 1; back <= std::min<std::size_t>(most, 3); ++back) {
    if (letter_size(text.substr(most - back)) > back) return text.substr(0, most - back);
  }
  return text.substr(0, most);
}

std::string_view last_letters(std::string_view text, std::size_t most) noexcept {
  if (text.size() <= most) return text;
  const auto cut = text.size() - most;
  for (std::size_t back = 1; back <= std::min<std::size_t>(cut, 3); ++back) {
    const auto size = letter_size(text.substr(cut - back));
    if (size > back) return text.substr(cut - back + size);
  }
  return text.substr(cut);
}

void append_letter(std::string& text, std::uint32_t letter) {
  if (letter == 0 || letter > 0x10FFFF || (letter >= 0xD800 && letter <= 0xDFFF)) letter = 0xFFFD;
  const auto add = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (letter < 0x80) return add(letter);
  if (letter < 0x800) {
    add(0xC0 | letter >> 6U);
  } else {
    if (letter < 0x10000) {
      add(0xE0 | letter >> 12U);
    } else {
      add(0xF0 | letter >> 18U);
      add(0x80 | (letter >> 12U & 0x3FU));
    }
    add(0x80 | (letter >> 6U & 0x3FU));
  }
  add(0x80 | (letter & 0x3FU));
}

std::string to_utf8(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto size = letter_size(text);
    result += size == 0 ? "\xEF\xBF\xBD" : text.substr(0, size);
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return result;
}

}  // namespace freshframe::core
