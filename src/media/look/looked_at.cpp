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
std::string_view without_packets(std::string_view name) {
  constexpr std::string_view kPackets = ".packets";
  if (name.ends_with(kPackets)) name.remove_suffix(kPackets.size());
  return name;
}

const NodeStats* camera_of(const Stats& stats, std::string_view name) {
  const auto* const camera = node_of(stats, without_packets(name));
  return camera != nullptr ? camera : node_of(stats, name);
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

LookedAt looked_at(const Stats& stats, int source, std::string_view name) {
  const auto at = std::ranges::find(stats.nodes, source, &NodeStats::number);
  if (at != stats.nodes.end()) return told(camera_of(stats, at->name));
  // It was removed, and another node may have its name by now.
  return {.camera = std::string(without_packets(name)), .state = {}, .last_error = {}, .still_for = 0};
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
