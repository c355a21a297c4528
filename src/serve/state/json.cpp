// JSON output and string escaping.
// SPDX-License-Identifier: Apache-2.0
#include "serve/state/json.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

#include "core/utf8.hpp"

namespace freshframe::serve {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

unsigned char byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
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
    const auto length = core::letter_size(text);
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

JsonWriter& JsonWriter::value(double number) {
  if (!std::isfinite(number)) return null();
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  return raw({text.data(), static_cast<std::size_t>(end - text.data())});
}

}  // namespace freshframe::serve
