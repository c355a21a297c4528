// Matches paths against glob patterns, as in shells and Python's glob: "frames/*.png".
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::media {

/// Returns true if a name matches a pattern: `*` matches any number of characters, `?` one character, `[a-z]`
/// one of these, `[!a-z]` one that is not among these, and a backslash makes the next character literal. A
/// dot at the beginning of a name is only matched by a dot. A bracket that is not closed is literal.
[[nodiscard]] bool matches_pattern(std::string_view pattern, std::string_view name);

/// Returns the existing paths that match a pattern, in no particular order. The pattern must not end with a
/// slash; its directories may contain wildcards, too. Directories that cannot be read are skipped. Calls
/// `check`, which may throw, before each name.
[[nodiscard]] std::vector<std::string> find_paths(std::string_view pattern,
                                                  const std::function<void()>& check);

}  // namespace freshframe::media
