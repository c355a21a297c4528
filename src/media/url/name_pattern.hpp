// Matches paths against glob patterns, as in shells and Python's glob: "frames/*.png".
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::media {

/// Whether a name matches a pattern: `*` are any letters, `?` is one, `[a-z]` one of these, `[!a-z]` one of the others, and
/// a backslash makes the next letter usual. A dot at the beginning matches nothing but a dot. A bracket that is not
/// closed is a usual letter.
[[nodiscard]] bool matches_pattern(std::string_view pattern, std::string_view name);

/// Returns the paths that match a pattern, which does not end with a slash, in no order, written as the pattern is: its folders may have `*`, too. Folders
/// that cannot be read have no names. Calls `check` before each name that it looks at: it may throw.
[[nodiscard]] std::vector<std::string> find_paths(std::string_view pattern,
                                                  const std::function<void()>& check);

}  // namespace freshframe::media
