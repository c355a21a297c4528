// Finds a picture's source among the nodes of a pipeline.
// SPDX-License-Identifier: Apache-2.0
#include "media/look/looked_at.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace freshframe::media {
namespace {

const NodeStats* node_of(const Stats& stats, std::string_view name) {
  const auto at = std::ranges::find(stats.nodes, name, &NodeStats::name);
  return at == stats.nodes.end() ? nullptr : &*at;
}

/// A stream of packets has its camera's name with ".packets".
const NodeStats* camera_of(const Stats& stats, std::string_view name) {
  constexpr std::string_view kPackets = ".packets";
  if (name.ends_with(kPackets)) {
    const auto camera = name.substr(0, name.size() - kPackets.size());
    if (const auto* node = node_of(stats, camera)) return node;
  }
  return node_of(stats, name);
}

LookedAt told(const NodeStats* node) {
  if (node == nullptr) return {};
  if (!node->source) return {.camera = node->name, .state = {}, .last_error = {}, .still_for = 0};
  return {.camera = node->name,
          .state = std::string(to_string(node->source->state)),
          .last_error = node->source->last_error,
          .still_for = node->source->still_for};
}

}  // namespace

LookedAt looked_at(const Stats& stats, int source) {
  const auto at = std::ranges::find(stats.nodes, source, &NodeStats::number);
  return at == stats.nodes.end() ? LookedAt() : told(camera_of(stats, at->name));
}

LookedAt source_above(const Stats& stats, std::string_view node) {
  for (std::size_t steps = 0; steps < stats.nodes.size(); ++steps) {
    const auto at = std::ranges::find(stats.edges, node, &EdgeStats::child);
    if (at == stats.edges.end()) break;
    node = at->parent;
  }
  return told(camera_of(stats, node));
}

}  // namespace freshframe::media
