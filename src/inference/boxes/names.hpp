// Class names as Python's literals write them: a dict of numbers or a list.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::inference {

/// The names in Ultralytics' form, {0: 'person', 1: 'car'}, or in a list; nullopt means neither form.
[[nodiscard]] std::optional<std::vector<std::string>> parse_names(std::string_view text);

}  // namespace freshframe::inference
