// Escaping.
// SPDX-License-Identifier: Apache-2.0
#include "serve/state/json.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

namespace freshframe::serve {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

unsigned char byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// Length of the UTF-8 character at the front (RFC 3629: the shortest form, no surrogates, up to U+10FFFF); 0:
// none.
std::size_t utf8_length(std::string_view text) {
  const auto first = byte_at(text, 0);
  if (first < 0x80) return 1;
  const auto continues = [&](std::size_t at, unsigned low = 0x80, unsigned high = 0xBF) {
    return at < text.size() && byte_at(text, at) >= low && byte_at(text, at) <= high;
  };
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

void append_escape(std::string& out, unsigned code) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kDigits[(code >> shift) & 0xFU];
}

void append_character(std::string& out, std::string_view character) {
  const auto first = byte_at(character, 0);
  if (first == '"' || first == '\\') {
    out += '\\';
    out += static_cast<char>(first);
  } else if (first < 0x20 || first == 0x7F || first == '<' || first == '>' || first == '&') {
    append_escape(out, first);
  } else if (character == "\xE2\x80\xA8") {
    append_escape(out, 0x2028);
  } else if (character == "\xE2\x80\xA9") {
    append_escape(out, 0x2029);
  } else {
    out += character;
  }
}

}  // namespace

void append_json(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) {
      out += kReplacement;
      text.remove_prefix(1);
      continue;
    }
    append_character(out, text.substr(0, length));
    text.remove_prefix(length);
  }
  out += '"';
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto length = utf8_length(text);
    out += length == 0 ? kReplacement : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

JsonWriter& JsonWriter::value(double number) {
  if (!std::isfinite(number)) return null();
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  return raw({text.data(), static_cast<std::size_t>(end - text.data())});
}

}  // namespace freshframe::serve
