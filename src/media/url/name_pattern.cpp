// Matches paths against glob patterns.
// SPDX-License-Identifier: Apache-2.0
#include "media/url/name_pattern.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <system_error>
#include <tuple>
#include <utility>

#include "core/utf8.hpp"

namespace freshframe::media {
namespace {

/// Removes and returns the first character of a non-empty string. An invalid UTF-8 byte counts as one
/// character.
std::string_view take_letter(std::string_view& text) {
  const auto letter = text.substr(0, std::max<std::size_t>(core::letter_size(text), 1));
  text.remove_prefix(letter.size());
  return letter;
}

/// Removes and returns a pattern character, which may be escaped by a backslash.
std::string_view take_usual(std::string_view& pattern) {
  if (pattern.size() > 1 && pattern.front() == '\\') pattern.remove_prefix(1);
  return take_letter(pattern);
}

/// Removes a class such as "[:digit:]" from the start of a bracket expression. Returns whether `letter`
/// belongs to it, or nullopt if there is no such class.
std::optional<bool> take_kind(std::string_view& inside, std::string_view letter) {
  using Is = int (*)(int);
  const std::array<std::pair<std::string_view, Is>, 8> kKinds{{{"[:alpha:]", std::isalpha},
                                                               {"[:digit:]", std::isdigit},
                                                               {"[:alnum:]", std::isalnum},
                                                               {"[:upper:]", std::isupper},
                                                               {"[:lower:]", std::islower},
                                                               {"[:xdigit:]", std::isxdigit},
                                                               {"[:punct:]", std::ispunct},
                                                               {"[:space:]", std::isspace}}};
  for (const auto& [name, is] : kKinds) {
    if (!inside.starts_with(name)) continue;
    inside.remove_prefix(name.size());
    const auto byte = static_cast<unsigned char>(letter.front());
    return byte < 0x80 && is(byte) != 0;
  }
  return std::nullopt;
}

/// Parses a bracket expression after its '['. Returns whether it matches `letter`, or nullopt if it is not
/// closed. Ranges compare bytes, which in UTF-8 is the order of code points.
std::optional<bool> take_bracket(std::string_view& pattern, std::string_view letter) {
  auto inside = pattern;
  const bool excludes = inside.starts_with('!') || inside.starts_with('^');
  if (excludes) inside.remove_prefix(1);
  bool contains = false;
  for (bool is_first = true; !inside.empty(); is_first = false) {
    if (inside.front() == ']' && !is_first) {
      pattern = inside.substr(1);
      return contains != excludes;
    }
    if (const auto is_kind = take_kind(inside, letter)) {
      contains = contains || *is_kind;
      continue;
    }
    const auto first = take_usual(inside);
    auto last = first;
    if (inside.size() > 1 && inside[0] == '-' && inside[1] != ']') {
      inside.remove_prefix(1);
      last = take_usual(inside);
    }
    contains = contains || (first <= letter && letter <= last);
  }
  return std::nullopt;
}

/// Removes one character from both non-empty strings. Returns whether they match.
bool take_match(std::string_view& pattern, std::string_view& name) {
  const auto letter = take_letter(name);
  if (pattern.front() == '?') {
    pattern.remove_prefix(1);
    return true;
  }
  if (pattern.front() == '[') {
    auto after = pattern.substr(1);
    const auto contains = take_bracket(after, letter);
    if (contains) {
      pattern = after;
      return *contains;
    }
  }
  return take_usual(pattern) == letter;
}

bool has_magic(std::string_view part) {
  return part.find_first_of("*?[") != std::string_view::npos;
}

std::string without_backslashes(std::string_view part) {
  std::string text;
  while (!part.empty()) text += take_usual(part);
  return text;
}

/// Walks the directories of a pattern.
struct Search {
  const std::function<void()>& check;
  std::vector<std::string> found = {};

  /// `done`: a directory with a trailing slash, or empty. `rest`: the pattern below it.
  void below(const std::string& done, std::string_view rest) {
    const auto part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(part.size());
    const auto slashes = rest.substr(0, std::min(rest.find_first_not_of('/'), rest.size()));
    rest.remove_prefix(slashes.size());
    if (!has_magic(part)) {
      check();
      return step(done + without_backslashes(part), slashes, rest);
    }
    std::error_code error;
    std::filesystem::directory_iterator entry(done.empty() ? "." : done, error);
    for (const std::filesystem::directory_iterator end; !error && entry != end; entry.increment(error)) {
      check();
      const auto name = entry->path().filename().string();
      if (matches_pattern(part, name)) step(done + name, slashes, rest);
    }
  }

  void step(const std::string& path, std::string_view slashes, std::string_view rest) {
    std::error_code ignored;
    if (!rest.empty()) return below(path + std::string(slashes), rest);
    if (std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) found.push_back(path);
  }
};

}  // namespace

bool matches_pattern(std::string_view pattern, std::string_view name) {
  if (name.starts_with('.') && !pattern.starts_with('.') && !pattern.starts_with("\\.")) return false;
  // On a mismatch only the last `*` consumes one more character: changing an earlier one cannot help.
  std::optional<std::pair<std::string_view, std::string_view>>
      star;  // pattern after the star, and the name from there on
  while (!name.empty() || !pattern.empty()) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      star = {pattern, name};
      continue;
    }
    if (!name.empty() && !pattern.empty() && take_match(pattern, name)) continue;
    if (!star || star->second.empty()) return false;
    take_letter(star->second);
    std::tie(pattern, name) = *star;
  }
  return true;
}

std::vector<std::string> find_paths(std::string_view pattern, const std::function<void()>& check) {
  Search search{check};
  const auto slashes = pattern.substr(0, std::min(pattern.find_first_not_of('/'), pattern.size()));
  search.below(std::string(slashes), pattern.substr(slashes.size()));
  return std::move(search.found);
}

}  // namespace freshframe::media
