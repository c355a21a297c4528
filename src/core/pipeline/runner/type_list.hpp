// Lists of types that a node accepts. Empty: any type.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/sample.hpp"

#include <algorithm>
#include <span>
#include <string>

namespace freshframe::core {

[[nodiscard]] inline bool takes(std::span<const TypeInfo* const> types, const TypeInfo* type) noexcept {
  return types.empty() || std::find(types.begin(), types.end(), type) != types.end();
}

/// Lists types for messages: "Circles or Detections".
[[nodiscard]] inline std::string join_names(std::span<const TypeInfo* const> types) {
  std::string names;
  for (const auto* type : types) names += (names.empty() ? "" : " or ") + std::string(type->name);
  return names;
}

}  // namespace freshframe::core
