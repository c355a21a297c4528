// A pipeline's interface for observers outside: the state of its graph, and taps.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <algorithm>
#include <utility>

#include "core/look/watched_source.hpp"
#include "core/pipeline/graph/admission.hpp"
#include "core/pipeline/graph/graph_look.hpp"
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

GraphState PipelineCore::graph_state(bool times) const {
  const Lock lock(building_);
  GraphState result;
  result.phase = life_phase();
  const auto span = ended() ? Span::WholeRun : Span::Recent;
  result.stats = stats_locked(times ? std::optional(span) : std::nullopt);
  for (const auto& runner : graph_.runners()) {
    const auto kept = runner->node();
    const auto& node = *kept;
    result.nodes.push_back({kind_of(node), node.runs_outside(), node.output_type() == type_of<Frame>(),
                            views_of(graph_, runner->index()), started() && graph_.is_live(runner->index()),
                            runner->facts().batch ? runner->facts().batch->size : 0});
  }
  for (const auto& [reader, wires, join] : graph_.readers().all()) result.readers.push_back(reader->name());
  return result;
}

std::string PipelineCore::view_name(const AnyPort& port) const {
  const Lock lock(building_);
  if (!graph_.has(port.node)) return names_->of(port.node);
  const auto views = views_of(graph_, port.node);
  const auto& sources = graph_.sources_of_node(port.node);
  const auto found = std::ranges::find(sources, port.source);
  if (port.source < 0 || found == sources.end() || views.size() != sources.size())
    return names_->of(port.node);
  return views[static_cast<std::size_t>(found - sources.begin())];
}

std::shared_ptr<PictureTap> PipelineCore::tap_named(const std::string& port) {
  for (const auto& runner : graph_.runners()) {
    const bool named = runner->name() == port;
    if (!named && !port.starts_with(runner->name())) continue;
    if (named && runner->node()->output_type() == type_of<Nothing>()) {
      throw GraphError("'" + port + "' is a sink and sends no pictures to view");
    }
    const auto views = views_of(graph_, runner->index());
    const auto found = std::ranges::find(views, port);
    if (found != views.end()) {
      const auto& sources = graph_.sources_of_node(runner->index());
      const bool of_all = views.size() != sources.size() || views.front() == runner->name();
      auto tap = runner->outlet().tap(of_all ? -1 : sources[static_cast<std::size_t>(found - views.begin())]);
      if (auto* const source = dynamic_cast<WatchedSource*>(runner->node().get())) source->watch(tap);
      return tap;
    }
    const AnyPort all[] = {runner->index()};
    if (named) Admission(graph_).check_one_source("a view of '" + port + "'", all);
  }
  throw OptionError("there is no node '" + port + "' to view");
}

std::shared_ptr<PictureTap> PipelineCore::open_tap(const std::string& port, PictureTap::Hook hook) {
  const Lock lock(building_);
  auto tap = tap_named(port);
  if (tap->connected()) throw StateError("the pictures of '" + port + "' are being viewed already");
  tap->connect(std::move(hook));
  budget_->extend(1);
  return tap;
}

void PipelineCore::close_tap(const std::shared_ptr<PictureTap>& tap) {
  tap->disconnect();
  budget_->extend(-1);
  const Lock lock(building_);
  for (const auto& runner : graph_.runners()) runner->outlet().forget_tap(*tap);
}

}  // namespace freshframe::core
