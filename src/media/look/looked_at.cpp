// Finds a picture's source among the nodes of a pipeline.
// SPDX-License-Identifier: Apache-2.0
#include "media/look/looked_at.hpp"

#include <algorithm>

#include "core/pipeline/onlookers.hpp"

namespace freshframe::media {
namespace {

/// A stream of packets has its camera's name with ".packets".
std::string_view without_packets(std::string_view name) {
  constexpr std::string_view kPackets = ".packets";
  if (name.ends_with(kPackets)) name.remove_suffix(kPackets.size());
  return name;
}

const NodeStats* node_of(const Stats& stats, std::string_view name) {
  const auto at = std::ranges::find(stats.nodes, name, &NodeStats::name);
  return at == stats.nodes.end() ? nullptr : &*at;
}

}  // namespace

LookedAtSources::LookedAtSources(const core::PipelineCore& core, bool of_packets)
    : core_(core), of_packets_(of_packets), stats_(core::graph_state(core, false).stats) {}

/// Returns null if no node has the name.
const NodeStats* LookedAtSources::camera_of(std::string_view name) const {
  const auto* const camera = of_packets_ ? node_of(stats_, without_packets(name)) : nullptr;
  return camera != nullptr ? camera : node_of(stats_, name);
}

LookedAt LookedAtSources::of(int source) const {
  const auto& name = core_.names()->of(source);
  // Another node may have the name of a removed node.
  const bool is_there = std::ranges::find(stats_.nodes, source, &NodeStats::number) != stats_.nodes.end();
  const auto* const node = is_there ? camera_of(name) : nullptr;
  if (node == nullptr) {
    return {.camera = std::string(of_packets_ ? without_packets(name) : name),
            .state = {},
            .last_error = {},
            .frozen_for = 0};
  }
  if (!node->source) return {.camera = node->name, .state = {}, .last_error = {}, .frozen_for = 0};
  return {.camera = node->name,
          .state = std::string(to_string(node->source->state)),
          .last_error = node->source->last_error,
          .frozen_for = node->source->frozen_for};
}

LookedAt LookedAtSources::above(std::string_view node) const {
  const auto sources = core::sources_above(core_, node);
  return sources.empty() ? LookedAt{} : of(sources.front());
}

}  // namespace freshframe::media
