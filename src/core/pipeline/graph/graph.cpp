// Building a graph: names, places, wires and edges.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/graph/graph.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <utility>

#include "core/pipeline/graph/admission.hpp"
#include "core/pipeline/graph/graph_facts.hpp"

namespace freshframe::core {
namespace {

// By default, a join's queue is deep enough for the samples that arrive during `wait`, within a limit on
// frames.
int find_wait_depth(const Join& join) {
  constexpr double kRate = 60;  // samples per second of a fast camera
  constexpr double kMost = 128;
  return static_cast<int>(std::ceil(std::clamp(join.max_wait.value_or(0) * kRate, 0.0, kMost)));
}

bool has_events(const NodeBase& node) {
  const auto* const type = node.output_type();
  return type != nullptr && type->events;
}

// Returns the sources that are not live.
Sources find_files(const Graph& graph, const Sources& sources) {
  Sources files;
  std::ranges::copy_if(sources, std::back_inserter(files),
                       [&](int source) { return !graph.is_live(source); });
  return files;
}

// Returns the change that started the source's stream at a node; 0 if that was start().
Change find_reached(const Graph::Place& place, int source) {
  const auto found = place.reached.find(source);
  return found != place.reached.end() ? found->second : 0;
}

}  // namespace

std::string NameSpace::take(const std::string& wanted, const std::string& fallback) {
  if (!wanted.empty()) {
    if (!names_.insert(wanted).second) {
      throw GraphError("the name '" + wanted +
                       "' is taken: nodes and readers of a pipeline share one namespace");
    }
    return wanted;
  }
  auto& count = numbered_[fallback];
  std::string name;
  do {
    name = ++count == 1 ? fallback : fallback + "_" + std::to_string(count);
  } while (!names_.insert(name).second);
  return name;
}

const Readers::Entry* Readers::find(const ReaderCore& reader) const {
  const auto found = std::ranges::find(entries_, &reader, [](const auto& each) { return each.reader.get(); });
  return found != entries_.end() ? &*found : nullptr;
}

Readers::Entry* Readers::find(const ReaderCore& reader) {
  return const_cast<Entry*>(std::as_const(*this).find(reader));
}

void Readers::erase(const ReaderCore& reader) {
  std::erase_if(entries_, [&](const Entry& each) { return each.reader.get() == &reader; });
}

void Readers::close_edges(const std::vector<int>& nodes) const {
  for (const auto& [reader, wires, join] : entries_) {
    for (const auto& wire : wires) {
      if (wire.edge && std::ranges::find(nodes, wire.parent) != nodes.end())
        reader->inbox().close_edge(*wire.edge);
    }
  }
}

std::string Graph::admit(NodeBase* node, std::span<const AnyPort> parents, const AddOptions& options) {
  if (node == nullptr) throw GraphError("add() needs a node, got none");
  const Admission admission(*this);
  admission.choose_input(*node, parents);
  admission.check_node(*node, parents, options);
  auto wanted = options.name;
  if (wanted.empty() && options.companion_of)
    wanted = runner(options.companion_of->node).name() + "." + node->default_name();
  const auto name = wanted.empty() ? std::string() : names_.take(wanted, {});
  // Reserved first, so that no default name takes it.
  if (!options.as_source.empty()) (void)names_.take(options.as_source, {});
  return name.empty() ? names_.take({}, node->default_name()) : name;
}

std::string Graph::admit_reader(std::span<const AnyPort> parents, const ReaderOptions& options) {
  Admission(*this).check_reader(parents, options);
  return names_.take(options.name, "reader");
}

int Graph::add(std::shared_ptr<Runner> runner, std::span<const AnyPort> parents, const AddOptions& options) {
  Wires wires;
  const int depth = options.batch ? options.batch->size : options.join ? find_wait_depth(*options.join) : 0;
  for (const auto& parent : parents) {
    wires.push_back(
        {parent.node, options.edge(), only_source(*this, parent), depth, options.join.has_value()});
  }
  Place added;
  if (options.join)
    added.join = Admission(*this).resolve_join(runner->name(), parents, *options.join, options.queue);
  if (runner->is_source()) {
    added.sources = std::make_shared<const Sources>(1, size());
  } else if (options.join) {
    added.sources = std::make_shared<const Sources>(list_sources(*this, parents[0]));  // the reference's
  } else if (parents.size() == 1 && parents[0].source < 0) {
    added.sources = place(parents[0].node).sources;  // the sources are shared along a chain of nodes
  } else {
    added.sources = std::make_shared<const Sources>(list_sources(*this, parents));
  }
  if (runner->facts().has_own_stream()) {
    auto sources = *added.sources;
    sources.push_back(size());  // keeps the list sorted, since this is the greatest number so far
    added.sources = std::make_shared<const Sources>(std::move(sources));
  }
  runner->outlet().outputs().set_sources(added.sources);
  added.runner = std::move(runner);
  added.wires = std::move(wires);
  added.merge = options.merge && !options.join;
  added.open = options.merge && parents.empty();
  if (options.companion_of) added.companion_of = options.companion_of->node;
  added.runner->inbox().stay_open(added.open);
  if (options.join) added.runner->inbox().expect_join();
  places_.emplace(next_, std::move(added));
  return next_++;
}

void Graph::take_back(int index) {
  const auto& runner = *place(index).runner;
  names_.release(runner.name());
  names_.release(runner.facts().stream_name);
  places_.erase(index);
}

void Graph::add_reader(std::shared_ptr<ReaderCore> reader, std::span<const AnyPort> parents,
                       const ReaderOptions& options) {
  Wires wires;
  for (const auto& parent : parents) {
    wires.push_back({parent.node, options.edge(), only_source(*this, parent),
                     options.join ? find_wait_depth(*options.join) : 0, options.join.has_value()});
  }
  std::optional<JoinRules> join;
  if (options.join) {
    join = Admission(*this).resolve_join(reader->name(), parents, *options.join, options.queue);
    reader->inbox().expect_join();
  }
  readers_.add({std::move(reader), std::move(wires), join});
}

EdgeRef Graph::make_edge(const std::shared_ptr<Inbox>& inbox, const Wire& wire, const NodeBase* node) {
  const auto contract = node != nullptr ? node->contract() : NodeContract();
  const bool recorder = contract.is_recorder();
  auto& parent = runner(wire.parent);
  auto sources = list_sources(*this, {wire.parent, wire.source});
  auto files = find_files(*this, sources);
  auto edge =
      inbox->add_edge({.parent = wire.parent,
                       .parent_name = parent.name(),
                       .queue = resolve_queue(*this, wire, inbox->consumer(), recorder),
                       .max_age = wire.options.max_age,
                       .max_rate = wire.options.max_rate,
                       .every = wire.options.every,
                       .by_pts = std::move(files),
                       .sources = std::move(sources),
                       .only = wire.source >= 0 ? runner(wire.source).facts().stream_name : std::string(),
                       .events = has_events(*parent.node()),
                       .finishes = parent.facts().finishes,
                       .recorded = recorder,
                       .way_to_be_faster = contract.way_to_be_faster,
                       .only_source = wire.source,
                       .joined = wire.joined,
                       .number = edges_++});
  for (const int source : edge->options.sources) {
    inbox->add_source(*edge, {.source = source,
                              .begun = find_reached(place(wire.parent), source),
                              .reached = change_,
                              .by_pts = !is_live(source)});
  }
  return edge;
}

void Graph::open_edge(const std::shared_ptr<Inbox>& inbox, const Wire& wire, const NodeBase* node) const {
  auto& parent = runner(wire.parent);
  Demand demand;
  if (node != nullptr && !node->contract().runs_outside && parent.node()->output_type() == nullptr) {
    demand = {node->input_types(), inbox->consumer()};
  }
  parent.outlet().outputs().add({inbox, wire.edge, wire.source}, std::move(demand));
}

// No sample arrives before the join has all of its edges.
void Graph::connect(const std::shared_ptr<Inbox>& inbox, Wires& wires, const NodeBase* node,
                    const std::optional<JoinRules>& join) {
  for (auto& wire : wires) wire.edge = make_edge(inbox, wire, node);
  if (join) inbox->join(*join);
  for (const auto& wire : wires) open_edge(inbox, wire, node);
}

void Graph::connect(Readers::Entry& entry) {
  connect(entry.reader->shared_inbox(), entry.wires, nullptr, entry.join);
  entry.reader->resolve_verbs(why_lossless(*this, entry.wires));
}

void Graph::find_live() {
  std::set<int> known;
  for (const auto& [number, each] : places_) find_live(number, known);
}

// An open merge is live: cameras may be added, and nothing downstream may block them.
void Graph::find_live(int node, std::set<int>& known) {
  if (!known.insert(node).second) return;
  auto& here = place(node);
  const auto source = here.runner->place().source();
  // A merge that had live sources stays live without them.
  bool live = here.open || (here.merge && here.live) || (source != nullptr && source->live());
  for (const auto& wire : here.wires) {
    if (!has(wire.parent)) continue;
    find_live(wire.parent, known);
    live = live || is_live(wire.parent);
  }
  here.live = live;
}

void Graph::find_sources() {
  std::set<int> known;
  for (const auto& [number, each] : places_) find_sources(number, known);
}

void Graph::find_sources(int node, std::set<int>& known) {
  if (!known.insert(node).second) return;
  auto& here = place(node);
  if (here.runner->is_source()) return;
  std::set<int> all;
  for (const auto& wire : here.wires) {
    if (!has(wire.parent)) continue;
    find_sources(wire.parent, known);
    if (!here.passes_on(wire)) continue;
    for (const int source : list_node_sources(wire.parent)) {
      if (wire.source < 0 || wire.source == source) all.insert(source);
    }
  }
  if (here.runner->facts().has_own_stream()) all.insert(node);
  if (std::ranges::equal(all, *here.sources)) return;
  here.sources = std::make_shared<const Sources>(all.begin(), all.end());
  here.runner->outlet().outputs().set_sources(here.sources);
}

std::shared_ptr<Runner> Graph::shared_runner(int index) const {
  const auto found = places_.find(index);
  return found != places_.end() ? found->second.runner : nullptr;
}

std::vector<std::shared_ptr<Runner>> Graph::runners() const {
  std::vector<std::shared_ptr<Runner>> present;
  present.reserve(places_.size());
  for (const auto& [number, each] : places_) present.push_back(each.runner);
  return present;
}

void Graph::wire(bool keeps_running) {
  keeps_running_ = keeps_running;
  if (places_.empty() && !keeps_running) throw GraphError("there is nothing to run: add() a source first");
  find_live();
  for (const auto& [number, each] : places_) {  // check everything before making the first connection
    for (const auto& wire : each.wires) (void)resolve_queue(*this, wire, each.runner->name(), false);
  }
  Admission(*this).check_recordings();
  for (auto& [number, each] : places_) {
    each.runner->intake().set_live(each.live);
    connect(each.runner->shared_inbox(), each.wires, each.runner->node().get(), each.join);
  }
  for (auto& entry : readers_.all()) connect(entry);
  wired_ = true;
}

}  // namespace freshframe::core
