// Python nodes that receive samples and return no results.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/pipeline/parts/pipeline_parts.hpp"

namespace freshframe::core {

/// A Python node that has taken samples but never returned a result, although it has consumers.
struct SilentNode {
  std::string name;
  std::uint64_t taken = 0;

  /// "received 60 samples and returned none: does its function or process() return a value?"
  [[nodiscard]] std::string text() const;
};
constexpr std::uint64_t kFewSamples = 2;  // samples after which a message asks about missing results
/// Returns nullopt for a node that is not silent: one with on_tick() or finish(), one that failed for every
/// sample, or one with fewer than `least` samples.
[[nodiscard]] std::optional<SilentNode> find_silence(const Runner& runner, std::uint64_t least);
[[nodiscard]] std::vector<SilentNode> silent_nodes(const PipelineParts& core, std::uint64_t least);

}  // namespace freshframe::core
