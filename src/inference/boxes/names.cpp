// Parses class names from a Python or JSON literal without Python.
// SPDX-License-Identifier: Apache-2.0
#include "inference/boxes/names.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <utility>

#include "core/utf8.hpp"

namespace freshframe::inference {
namespace {

constexpr std::size_t kMostClasses = 100'000;

// Reads a literal from left to right, skipping whitespace.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool take(char wanted) {
    skip();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  std::optional<std::size_t> number() {
    skip();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    const bool is_quoted = quote == '"' || quote == '\'';  // JSON has string keys
    if (is_quoted) ++at_;
    std::size_t value = 0;
    const auto* const begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc()) return std::nullopt;
    at_ += static_cast<std::size_t>(end - begin);
    if (!is_quoted) return value;
    if (at_ >= text_.size() || text_[at_] != quote) return std::nullopt;
    ++at_;
    return value;
  }

  std::optional<std::string> read_quoted() {
    skip();
    if (at_ >= text_.size() || (text_[at_] != '"' && text_[at_] != '\'')) return std::nullopt;
    const char quote = text_[at_++];
    std::string result;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        ++at_;
        read_escape(result);
      } else {
        result += text_[at_++];
      }
    }
    if (at_ >= text_.size()) return std::nullopt;
    ++at_;
    return core::to_utf8(result);
  }

 private:
  void skip() {
    while (at_ < text_.size() && std::string_view(" \n\t\r").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }

  // Decodes an escape sequence of Python or JSON, after the backslash.
  void read_escape(std::string& result) {
    constexpr std::string_view kLetters = "ntrbf";
    constexpr std::string_view kMeant = "\n\t\r\b\f";
    const char kind = text_[at_++];
    const std::size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    if (const auto code = digits > 0 ? hex(digits) : std::nullopt) {
      core::append_letter(result, with_second_half(*code));
    } else if (const auto known = kLetters.find(kind); known != std::string_view::npos) {
      result += kMeant[known];
    } else {
      result += kind;
    }
  }

  std::optional<std::uint32_t> hex(std::size_t digits) {
    const auto text = text_.substr(at_, digits);
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc() || text.size() < digits || end != text.data() + digits) return std::nullopt;
    at_ += digits;
    return value;
  }

  // JSON writes a character above U+FFFF as a surrogate pair of two escapes.
  std::uint32_t with_second_half(std::uint32_t first) {
    if (first < 0xD800 || first > 0xDBFF || !text_.substr(at_).starts_with("\\u")) return first;
    const auto before = at_;
    at_ += 2;
    const auto second = hex(4);
    if (second && *second >= 0xDC00 && *second <= 0xDFFF)
      return 0x10000 + ((first - 0xD800) << 10U) + (*second - 0xDC00);
    at_ = before;
    return first;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<std::vector<std::string>> parse_names(std::string_view text) {
  Reader reader(text);
  const bool keyed = reader.take('{');
  if (!keyed && !reader.take('[')) return std::nullopt;
  const char end = keyed ? '}' : ']';
  std::vector<std::string> names;
  while (!reader.take(end)) {
    std::size_t index = names.size();
    if (keyed) {
      const auto number = reader.number();
      if (!number || *number >= kMostClasses || !reader.take(':')) return std::nullopt;
      index = *number;
    }
    auto name = reader.read_quoted();
    if (!name || index >= kMostClasses) return std::nullopt;
    while (names.size() <= index) names.push_back(std::to_string(names.size()));
    names[index] = *std::move(name);
    if (!reader.take(',')) {
      if (!reader.take(end)) return std::nullopt;
      break;
    }
  }
  if (names.empty()) return std::nullopt;
  return names;
}

}  // namespace freshframe::inference
