// Undoes the escapes of the older mangling, which has the form of a C++ symbol.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "gil_watch/names/rust_letters.hpp"
#include "gil_watch/names/rust_names.hpp"
#include "gil_watch/names/utf8.hpp"

namespace freshframe::gil {
namespace {

// The escapes of the older mangling: what a symbol may not have.
std::optional<std::string> unescaped(std::string_view code) {
  static constexpr std::pair<std::string_view, std::string_view> kCodes[] = {
      {"SP", "@"}, {"BP", "*"}, {"RF", "&"}, {"LT", "<"}, {"GT", ">"}, {"LP", "("}, {"RP", ")"}, {"C", ","}};
  for (const auto& [known, text] : kCodes) {
    if (known == code) return std::string(text);
  }
  if (code.size() < 2 || code.size() > 7 || code.front() != 'u' ||
      !std::ranges::all_of(code.substr(1), is_hex))
    return std::nullopt;
  std::string text;
  const auto point = static_cast<std::uint32_t>(std::stoul(std::string(code.substr(1)), nullptr, 16));
  return append_point(text, point) ? std::optional(text) : std::nullopt;
}

bool is_hash(std::string_view part) {
  return part.size() == 17 && part.front() == 'h' && std::ranges::all_of(part.substr(1), is_hex);
}

}  // namespace

std::string without_rust_hash(std::string_view name) {
  constexpr std::string_view kPart = "::";
  const std::size_t last = name.rfind(kPart);
  if (last == std::string_view::npos || !is_hash(name.substr(last + kPart.size()))) return std::string(name);
  std::string_view rest = name.substr(0, last);
  std::string made;
  bool begins = true;  // a part of the path: an underscore before an escape only lets it begin with a letter
  while (!rest.empty()) {
    if (begins && rest.starts_with("_$")) rest.remove_prefix(1);
    begins = false;
    std::size_t taken = 1;
    const std::size_t end = rest.front() == '$' ? rest.find('$', 1) : std::string_view::npos;
    const auto escape = end == std::string_view::npos ? std::nullopt : unescaped(rest.substr(1, end - 1));
    if (escape) {
      made += *escape;
      taken = end + 1;
    } else if (rest.starts_with(kPart) || rest.starts_with("..")) {
      made += kPart;
      begins = rest.starts_with(kPart);
      taken = kPart.size();
    } else {
      made += rest.front();
    }
    rest.remove_prefix(taken);
  }
  return made;
}

}  // namespace freshframe::gil
