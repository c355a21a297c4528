// What a pipeline offers to those who look at it from outside: the state of its graph, and taps.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <algorithm>
#include <utility>

#include "core/pipeline/pipeline_core.hpp"

namespace freshframe::core {
namespace {

NodeKind kind_of(const NodeBase& node) {
  if (node.is_source()) return NodeKind::Source;
  return node.output_type() == type_of<Nothing>() ? NodeKind::Sink : NodeKind::Node;
}

}  // namespace

LifePhase PipelineCore::life_phase() const {
  if (failure_->failed()) return LifePhase::Failed;
  const Lock lock(mutex_);
  switch (phase_) {
    case Phase::Building:
      return LifePhase::Created;
    case Phase::Starting:
      return LifePhase::Starting;
    case Phase::Running:
      return LifePhase::Running;
    case Phase::Ended:
      break;
  }
  return stopped_early_ ? LifePhase::Stopped : LifePhase::Ended;
}

GraphState PipelineCore::graph_state() const {
  const std::lock_guard lock(building_);
  GraphState result;
  result.phase = life_phase();
  result.stats = stats_locked();
  for (const auto& worker : graph_.workers()) {
    const auto& node = std::as_const(*worker).node();
    result.nodes.push_back({kind_of(node), node.runs_outside(), node.output_type() == type_of<Frame>()});
  }
  for (const auto& reader : graph_.readers()) result.readers.push_back(reader->name());
  return result;
}

PictureTap& PipelineCore::open_tap(const std::string& node, PictureTap::Hook hook) {
  const std::lock_guard lock(building_);
  const auto found = std::ranges::find(graph_.workers(), node,
                                       [](const auto& worker) -> const auto& { return worker->name(); });
  if (found == graph_.workers().end()) throw OptionError("there is no node '" + node + "' to view");
  if (std::as_const(**found).node().output_type() == type_of<Nothing>()) {
    throw GraphError("'" + node + "' is a sink and sends no pictures to view");
  }
  auto& tap = (*found)->tap();
  if (tap.connected()) throw StateError("the pictures of '" + node + "' are being viewed already");
  tap.connect(std::move(hook));
  budget_->extend(1);
  return tap;
}

void PipelineCore::close_tap(PictureTap& tap) {
  tap.disconnect();
  budget_->extend(-1);
}

}  // namespace freshframe::core
