// Finds the source of a frame among the nodes of a pipeline.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/look/look_sources.hpp"

#include <algorithm>

#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/views/ports.hpp"
#include "core/pipeline/views/statistics.hpp"
#include "core/watch/outage_text.hpp"

namespace freshframe::media {

LookSources::LookSources(const core::PipelineCore& core)
    : core_(core), stats_(core::graph_state(core, false).stats) {}

LookSource LookSources::find_source(int source) const {
  LookSource found{
      .camera = core_.names()->find_camera(source), .state = {}, .last_error = {}, .frozen_for = 0};
  // The source was removed. Its name may already belong to another node.
  if (std::ranges::find(stats_.nodes, source, &NodeStats::number) == stats_.nodes.end()) return found;
  const auto camera = std::ranges::find(stats_.nodes, found.camera, &NodeStats::name);
  if (camera == stats_.nodes.end() || !camera->source) return found;
  found.state = to_string(camera->source->state);
  found.last_error = core::outage_reason(*camera->source);
  found.frozen_for = camera->source->frozen_for;
  return found;
}

LookSource LookSources::above(std::string_view node) const {
  const auto sources = core::sources_above(core_, node);
  return sources.empty() ? LookSource{} : find_source(sources.front());
}

}  // namespace freshframe::media
