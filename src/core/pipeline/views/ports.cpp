// The ports of a pipeline by name, and taps.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/views/ports.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <utility>

#include "core/pipeline/graph/admission.hpp"
#include "core/pipeline/graph/graph_facts.hpp"
#include "core/watch/watched_source.hpp"

namespace freshframe::core {
namespace {

std::shared_ptr<Runner> runner_named(const Graph& graph, std::string_view name) {
  for (const auto& runner : graph.runners()) {
    if (runner->name() == name) return runner;
  }
  return nullptr;
}

/// A port whose images can be viewed.
struct ViewedPort {
  std::shared_ptr<Runner> runner;
  int source = -1;  // -1: all
};

std::optional<ViewedPort> port_named(const Graph& graph, const std::string& port) {
  for (auto& runner : graph.runners()) {
    if (!port.starts_with(runner->name())) continue;
    const auto views = list_views(graph, runner->index());
    const auto found = std::ranges::find(views, port);
    if (found == views.end() || runner->node()->output_type() == get_type<Nothing>()) continue;
    const auto& sources = graph.list_node_sources(runner->index());
    const bool of_all = views.size() != sources.size() || views.front() == runner->name();
    return ViewedPort{runner, of_all ? -1 : sources[static_cast<std::size_t>(found - views.begin())]};
  }
  return std::nullopt;
}

/// Throws an error that explains why a port has no images to view.
[[noreturn]] void refuse_view(const Graph& graph, const std::string& port) {
  const auto runner = runner_named(graph, port);
  if (runner == nullptr) throw OptionError("there is no node '" + port + "' to view");
  if (runner->node()->output_type() == get_type<Nothing>())
    throw GraphError("'" + port + "' is a sink and has no frames to view");
  const AnyPort all[] = {runner->index()};
  Admission(graph).check_one_source("a view of '" + port + "'", all);
  const auto views = list_views(graph, runner->index());
  throw GraphError("'" + port +
                   "' has a list of parents, to which other cameras may be added: view one camera with " +
                   (views.empty() ? "port.of(camera)" : views.front()));
}

}  // namespace

int only_source(const PipelineParts& core, const AnyPort& port) {
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  return only_source(guarded.graph, port);
}

std::shared_ptr<NodeBase> node_named(const PipelineParts& core, std::string_view name) {
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  const auto runner = runner_named(guarded.graph, name);
  return runner != nullptr ? runner->node() : nullptr;
}

std::vector<int> sources_above(const PipelineParts& core, std::string_view node) {
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  const auto runner = runner_named(guarded.graph, node);
  if (runner == nullptr) return {};
  const auto& sources = guarded.graph.list_node_sources(runner->index());
  return {sources.begin(), sources.end()};
}

std::vector<AnyPort> list_parents(const PipelineParts& core, int node) {
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  return guarded.graph.has(node) ? list_parents(guarded.graph, node) : std::vector<AnyPort>();
}

std::string view_name(const PipelineParts& core, const AnyPort& port) {
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  const auto& graph = guarded.graph;
  if (!graph.has(port.node)) return core.names()->find_name(port.node);
  const auto views = list_views(graph, port.node);
  const auto& sources = graph.list_node_sources(port.node);
  const auto found = std::ranges::find(sources, port.source);
  if (port.source < 0 || found == sources.end() || views.size() != sources.size())
    return core.names()->find_name(port.node);
  return views[static_cast<std::size_t>(found - sources.begin())];
}

std::optional<PortSource> find_port_source(const PipelineParts& core, const std::string& port) {
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  const auto& graph = guarded.graph;
  for (const auto& runner : graph.runners()) {
    const auto views = list_views(graph, runner->index());
    const auto found = std::ranges::find(views, port);
    if (found == views.end()) continue;
    const auto& sources = graph.list_node_sources(runner->index());
    if (sources.size() != views.size()) return std::nullopt;
    const int index = sources[static_cast<std::size_t>(found - views.begin())];
    if (!graph.has(index)) return std::nullopt;
    const auto source = graph.shared_runner(index);
    const bool makes_frames = runner->node()->output_type() == get_type<Frame>();
    return PortSource{source->name(), source->node(), index == runner->index() || !makes_frames, source};
  }
  return std::nullopt;
}

// A closed reader accepts nothing more, but does not tell anyone (a finalizer may have closed it). So this
// checks whether its queue has ended.
std::function<bool()> is_taken(std::weak_ptr<Runner> runner) {
  // The threads that call the function end before the runner's thread, which keeps the runner alive. So
  // lock() never creates the last reference.
  return [runner = std::move(runner)] {
    const auto running = runner.lock();
    if (!running) return false;
    const auto list = running->outlet().outputs().newest();
    return std::ranges::any_of(list->edges, [](const auto& output) { return !has_ended(*output.inbox); });
  };
}

std::shared_ptr<PictureTap> open_tap(PipelineParts& core, const std::string& port, PictureTap::Hook hook) {
  auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  const auto found = port_named(guarded.graph, port);
  if (!found) refuse_view(guarded.graph, port);
  auto tap = found->runner->outlet().tap(found->source);
  if (auto* const source = found->runner->node()->abilities().watched) source->watch(tap);
  if (tap->is_connected())
    throw StateError("another viewer already receives the frames of '" + port +
                     "': a port can have only one at a time");
  tap->connect(std::move(hook));
  core.budget()->extend(1);
  return tap;
}

std::vector<TapChange> find_places(const PipelineParts& core, const std::vector<NamedTap>& taps) {
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  std::vector<TapChange> out;
  for (const auto& [port, tap] : taps) {
    const auto found = port_named(guarded.graph, port);
    const bool is_same = found && tap != nullptr && found->runner->outlet().has_tap(found->source, *tap);
    out.push_back(!found ? TapChange::NoPort : is_same ? TapChange::Same : TapChange::Other);
  }
  return out;
}

void close_tap(PipelineParts& core, const std::shared_ptr<PictureTap>& tap) {
  tap->disconnect();
  core.budget()->extend(-1);
  auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  for (const auto& runner : guarded.graph.runners()) runner->outlet().forget_tap(*tap);
}

}  // namespace freshframe::core
