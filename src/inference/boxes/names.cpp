// Class names, read from a literal without Python.
// SPDX-License-Identifier: Apache-2.0
#include "inference/boxes/names.hpp"

#include <charconv>
#include <cstddef>
#include <system_error>
#include <utility>

namespace freshframe::inference {
namespace {

constexpr std::size_t kMostClasses = 100'000;

// Reads a literal from its beginning, and passes over blanks.
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
    const bool quoted = at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'');  // JSON's keys
    if (quoted) ++at_;
    std::size_t value = 0;
    const auto* const begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc()) return std::nullopt;
    at_ += static_cast<std::size_t>(end - begin) + (quoted ? 1 : 0);
    return value;
  }

  std::optional<std::string> quoted() {
    skip();
    if (at_ >= text_.size() || (text_[at_] != '"' && text_[at_] != '\'')) return std::nullopt;
    const char quote = text_[at_++];
    std::string result;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      result += text_[at_++];
    }
    if (at_ >= text_.size()) return std::nullopt;
    ++at_;
    return result;
  }

 private:
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
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
    auto name = reader.quoted();
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
