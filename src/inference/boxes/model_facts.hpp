// What is known about a model from its file and a run, to recognize its layout and head.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inference/boxes/layout.hpp"
#include "inference/runtime/session.hpp"

namespace freshframe::inference {

/// Shapes are those of a run, not those in the file.
struct ModelFacts {
  std::string path;
  int width = 0;
  int height = 0;
  std::vector<TensorInfo> outputs = {};
  std::map<std::string, std::string> metadata = {};
  std::optional<std::vector<std::string>> names = {};  // given by the user; takes precedence
  std::optional<Layout> layout = {};                   // likewise

  /// The metadata entry with this name, or an empty string.
  [[nodiscard]] std::string metadata_text(const std::string& key) const {
    const auto found = metadata.find(key);
    return found == metadata.end() ? "" : found->second;
  }
  /// The index of the output with this name.
  [[nodiscard]] std::optional<std::size_t> output(std::string_view name) const {
    const auto found = std::ranges::find(outputs, name, &TensorInfo::name);
    if (found == outputs.end()) return std::nullopt;
    return static_cast<std::size_t>(found - outputs.begin());
  }
};

/// Advice in error messages about outputs that no decoder supports.
inline constexpr std::string_view kDecodeYourself =
    "ff.OnnxModel gives the outputs as arrays, which a function can decode";

}  // namespace freshframe::inference
