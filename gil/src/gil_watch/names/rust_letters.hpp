// Parses numbers and identifiers of Rust's v0 mangling.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace freshframe::gil {

/// Decodes Rust's punycode, which has '_' instead of '-' before the deltas (RFC 3492, RFC 2603), to UTF-8.
/// Returns nullopt if it is invalid.
std::optional<std::string> from_punycode(std::string_view bytes);

inline bool is_digit(char letter) {
  return letter >= '0' && letter <= '9';
}

inline bool is_hex(char letter) {
  return is_digit(letter) || (letter >= 'a' && letter <= 'f');
}

/// Reads a symbol from left to right. After an error, all methods return nothing.
class RustLetters {
 public:
  explicit RustLetters(std::string_view text) : text_(text) {}

  struct Identifier {
    std::string text;
    std::uint64_t number = 0;
  };

  [[nodiscard]] bool failed() const { return failed_; }
  void fail() { failed_ = true; }
  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  [[nodiscard]] std::size_t place() const { return at_; }
  std::size_t go_to(std::size_t place) { return std::exchange(at_, place); }

  [[nodiscard]] char peek() const { return !failed_ && at_ < text_.size() ? text_[at_] : '\0'; }
  char next() {
    const char letter = peek();
    if (letter == '\0') failed_ = true;
    ++at_;
    return letter;
  }
  bool eat(char wanted) {
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }
  std::uint64_t base_62() {
    if (eat('_')) return 0;
    std::uint64_t value = 0;
    while (!failed_) {
      const char letter = next();
      if (letter == '_') return value + 1;
      std::uint64_t digit = 0;
      if (is_digit(letter)) {
        digit = static_cast<std::uint64_t>(letter - '0');
      } else if (letter >= 'a' && letter <= 'z') {
        digit = static_cast<std::uint64_t>(letter - 'a') + 10;
      } else if (letter >= 'A' && letter <= 'Z') {
        digit = static_cast<std::uint64_t>(letter - 'A') + 36;
      } else {
        failed_ = true;
      }
      if (value > (UINT64_MAX - digit - 1) / 62) failed_ = true;
      value = value * 62 + digit;
    }
    return 0;
  }
  std::uint64_t optional_base_62(char tag) { return eat(tag) ? base_62() + 1 : 0; }

  std::size_t decimal() {
    if (!is_digit(peek())) failed_ = true;
    if (eat('0')) return 0;
    std::size_t value = 0;
    while (is_digit(peek())) {
      value = value * 10 + static_cast<std::size_t>(next() - '0');
      if (value > text_.size()) failed_ = true;
    }
    return value;
  }

  std::string plain_identifier() {
    const bool punycode = eat('u');
    const std::size_t length = decimal();
    eat('_');
    if (failed_ || length > text_.size() - at_) {
      failed_ = true;
      return "";
    }
    const std::string_view bytes = text_.substr(at_, length);
    at_ += length;
    if (!punycode) return std::string(bytes);
    const std::optional<std::string> decoded = from_punycode(bytes);
    if (!decoded) failed_ = true;
    return decoded.value_or("");
  }
  Identifier identifier() {
    const std::uint64_t number = optional_base_62('s');
    return {plain_identifier(), number};
  }

  // Returns the digits without leading zeros, at least one.
  std::string hex() {
    std::string digits;
    while (is_hex(peek())) digits += next();
    if (!eat('_')) failed_ = true;
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
    return digits.empty() ? "0" : digits;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace freshframe::gil
