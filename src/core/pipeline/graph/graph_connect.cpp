// Adding edges and readers to a running graph.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include "core/pipeline/graph/admission.hpp"
#include "core/pipeline/graph/graph_facts.hpp"

namespace freshframe::core {

void Graph::connect_late(int index) {
  find_live();
  auto& late = place(index);
  auto& node = *late.runner;
  for (const auto& wire : late.wires) (void)resolve_queue(*this, wire, node.name(), false);
  ++change_;
  find_sources();
  node.intake().set_live(late.live);
  for (const int source : *late.sources) late.reached[source] = change_;
  connect(node.shared_inbox(), late.wires, node.node().get(), late.join);
  node.inbox().stay_open(late.open);
}

void Graph::connect_late(const ReaderCore& reader) {
  auto* const entry = readers_.find(reader);
  if (entry == nullptr) return;
  find_live();
  ++change_;
  connect(*entry);
}

// Throws if the merge has ended, because then nothing would drain the edge.
void Graph::hold_open(Place& merge) {
  auto& node = *merge.runner;
  if (node.inbox().stay_open(true)) return;
  merge.wires.pop_back();
  find_sources();
  throw StateError("cannot connect another parent to '" + node.name() +
                   "': it has ended with its other parents");
}

void Graph::connect(int child, const AnyPort& parent, const ConnectOptions& options) {
  Admission(*this).check_connection(child, parent, options);
  auto& node = runner(child);
  const Wire wire{.parent = parent.node,
                  .options = options,
                  .source = only_source(*this, parent),
                  .depth = node.facts().batch ? node.facts().batch->size : 0};
  if (wired_) (void)resolve_queue(*this, wire, node.name(), node.facts().is_recorder);
  auto& merge = place(child);
  auto& wires = merge.wires;
  wires.push_back(wire);
  find_sources();
  if (const auto whose = takes_one_source(*this); !whose.empty()) {
    wires.pop_back();
    find_sources();
    throw GraphError(
        whose + ", downstream of '" + node.name() +
        "', takes the samples of one source: choose one for it with port.of(camera), or disconnect() the other, before '" +
        runner(parent.node).name() + "' is connected");
  }
  if (!wired_) return;
  hold_open(merge);
  ++change_;
  begin_below(child, list_sources(*this, parent), change_);
  for (const int source : list_sources(*this, parent)) merge.reached[source] = change_;
  wires.back().edge = make_edge(node.shared_inbox(), wire, node.node().get());
  open_edge(node.shared_inbox(), wires.back(), node.node().get());
  node.inbox().stay_open(merge.open);
}

// Begins the streams farthest downstream first. Otherwise a node could see a source end while samples of it
// are still on another path to the node.
void Graph::begin_below(int node, const Sources& sources, Change change) {
  const auto begin = [&](Wire& wire, Inbox& inbox, int consumer) {
    if (wire.parent != node || !wire.edge) return;
    // The edges of a node being removed have ended.
    if (consumer >= 0 && runner(consumer).life().removal() != nullptr) return;
    Sources passing;
    for (const int source : sources) {
      if (wire.source < 0 || wire.source == source) passing.push_back(source);
    }
    if (passing.empty()) return;
    if (consumer >= 0 && place(consumer).passes_on(wire)) {
      begin_below(consumer, passing, change);
      for (const int source : passing) place(consumer).reached[source] = change;
    }
    for (const int source : passing) {
      inbox.add_source(*wire.edge,
                       {.source = source, .begun = change, .reached = change, .by_pts = !is_live(source)});
    }
  };
  for (auto& [number, each] : places_) {
    for (auto& wire : each.wires) begin(wire, each.runner->inbox(), number);
  }
  for (auto& [reader, wires, join] : readers_.all()) {
    for (auto& wire : wires) begin(wire, reader->inbox(), -1);
  }
}

}  // namespace freshframe::core
