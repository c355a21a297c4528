// Parses class names from a Python literal: a dict with integer keys, or a list.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::inference {

/// Parses Ultralytics' {0: 'person', 1: 'car'}, or a list. Returns nullopt for anything else.
[[nodiscard]] std::optional<std::vector<std::string>> parse_names(std::string_view text);

}  // namespace freshframe::inference
