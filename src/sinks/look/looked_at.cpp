// Finds a picture's source among the nodes of a pipeline.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/look/looked_at.hpp"

#include <algorithm>

#include "core/pipeline/onlookers.hpp"

namespace freshframe::media {

LookedAtSources::LookedAtSources(const core::PipelineCore& core)
    : core_(core), stats_(core::graph_state(core, false).stats) {}

LookedAt LookedAtSources::of(int source) const {
  LookedAt found{.camera = core_.names()->camera_of(source), .state = {}, .last_error = {}, .frozen_for = 0};
  // Another node may have the name of a removed node.
  if (std::ranges::find(stats_.nodes, source, &NodeStats::number) == stats_.nodes.end()) return found;
  const auto camera = std::ranges::find(stats_.nodes, found.camera, &NodeStats::name);
  if (camera == stats_.nodes.end() || !camera->source) return found;
  found.state = to_string(camera->source->state);
  found.last_error = camera->source->last_error;
  found.frozen_for = camera->source->frozen_for;
  return found;
}

LookedAt LookedAtSources::above(std::string_view node) const {
  const auto sources = core::sources_above(core_, node);
  return sources.empty() ? LookedAt{} : of(sources.front());
}

}  // namespace freshframe::media
