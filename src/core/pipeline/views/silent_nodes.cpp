// Finds Python nodes that receive samples and return no results.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/views/silent_nodes.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace freshframe::core {

std::optional<SilentNode> find_silence(const Runner& runner, std::uint64_t least) {
  const auto& facts = runner.facts();
  if (facts.is_source || !facts.runs_outside || facts.has_own_stream()) return std::nullopt;
  if (runner.outlet().given_count() > 0 || !runner.outlet().is_taken()) return std::nullopt;
  const auto stats = runner.stats(std::nullopt);
  if (stats.processed < least || stats.processed <= stats.errors) return std::nullopt;
  return SilentNode{facts.name, stats.processed};
}

std::string SilentNode::text() const {
  return "received " + std::to_string(taken) +
         " samples and returned none: does its function or process() return a value?";
}

std::vector<SilentNode> silent_nodes(const PipelineParts& core, std::uint64_t least) {
  std::vector<SilentNode> found;
  for (const auto& runner : core.runners()) {
    if (auto silent = find_silence(*runner, least)) found.push_back(*std::move(silent));
  }
  return found;
}

}  // namespace freshframe::core
