// Edges and readers that come into a graph that runs.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>

#include "core/pipeline/graph.hpp"

namespace freshframe::core {

bool Graph::has_parents(int index) const {
  return std::ranges::none_of(wires_of(index), [this](const Wire& wire) { return is_leaving(wire); });
}

void Graph::connect_late(int index) {
  find_live();
  auto& late = place(index);
  auto& node = *late.runner;
  for (const auto& wire : late.wires) (void)resolve_queue(wire, node.name(), false);
  ++change_;
  find_sources();
  node.set_live(late.live);
  for (const int source : *late.sources) late.reached[source] = change_;
  connect(node.shared_inbox(), late.wires, node.node().get(), late.join);
  node.inbox().stay_open(late.open);
}

void Graph::connect_late(const ReaderCore& reader) {
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    if (readers_[i].get() != &reader) continue;
    find_live();
    ++change_;
    connect(readers_[i]->shared_inbox(), reader_wires_[i], nullptr, reader_joins_[i]);
    readers_[i]->resolve_verbs(why_lossless(reader_wires_[i]));
  }
}

void Graph::check_connection(const AnyPort& parent, int child) const {
  if (!has(child) || runner(child).removal() != nullptr)
    throw StateError("the node to connect to was removed");
  const auto& node = runner(child);
  if (node.is_source()) {
    throw GraphError("'" + node.name() +
                     "' is a source and takes no parent: connect() has the parent first, " +
                     "and then the node that takes its samples");
  }
  if (place(child).join) {
    throw GraphError("'" + node.name() +
                     "' joins its parents and takes no other: remove() it and add another join");
  }
  if (!place(child).merge) {
    throw GraphError("'" + node.name() +
                     "' was added with one parent and takes no other: add it with a list, [" +
                     (has(parent.node) ? runner(parent.node).name() : std::string("parent")) + "]");
  }
  const AnyPort parents[] = {parent};
  check_parents(node.node().get(), node.name(), parents);
  std::set<int> above;
  find_ancestors(parent.node, above);
  if (above.contains(child)) {
    throw GraphError("'" + runner(parent.node).name() + "' is below '" + node.name() +
                     "': connecting them would make a circle");
  }
  const auto sources = sources_of(parent);
  for (const auto& wire : wires_of(child)) {
    const auto there = sources_on(wire);
    const bool shared = wire.parent == parent.node && std::ranges::any_of(sources, [&](int source) {
                          return std::ranges::binary_search(there, source);
                        });
    if (shared || (wire.parent == parent.node && wire.source == parent.source)) {
      throw GraphError("'" + runner(parent.node).name() + "' is connected to '" + node.name() + "' already");
    }
  }
  if (wired_ && is_live(parent.node) && !is_live(child)) {
    throw GraphError(
        "'" + node.name() + "' was made below files, and the queues below it block: '" +
        runner(parent.node).name() +
        "' is live and cannot wait. Add the merge with [] as its parents, or a live source first");
  }
}

void Graph::connect(const AnyPort& parent, int child, const ConnectOptions& options) {
  check_connection(parent, child);
  const AnyPort parents[] = {parent};
  auto& node = runner(child);
  check_edge(node.name(), options.max_age, options.max_rate, false);
  check_queue(node.name(), parents, options.queue, node.is_recorder());
  const Wire wire{.parent = parent.node,
                  .queue = options.queue,
                  .max_age = options.max_age,
                  .source = only_source(parent),
                  .depth = node.batch() ? node.batch()->size : 0,
                  .max_rate = options.max_rate};
  if (wired_) (void)resolve_queue(wire, node.name(), node.is_recorder());
  auto& merge = place(child);
  auto& wires = merge.wires;
  wires.push_back(wire);
  find_sources();
  if (const auto whose = takes_one_source(); !whose.empty()) {
    wires.pop_back();
    find_sources();
    throw GraphError(whose + ", below '" + node.name() +
                     "', takes the samples of one source: choose one for it with port.of(camera) before '" +
                     runner(parent.node).name() + "' is connected");
  }
  if (!wired_) return;
  ++change_;
  begin_below(child, sources_of(parent), change_);
  for (const int source : sources_of(parent)) merge.reached[source] = change_;
  node.inbox().stay_open(true);
  wires.back().edge = make_edge(node.shared_inbox(), wire, node.node().get());
  open_edge(node.shared_inbox(), wires.back(), node.node().get());
  node.inbox().stay_open(merge.open);
}

std::string Graph::takes_one_source() const {
  const auto joins_several = [&](const Wire& wire) {
    return wire.joined && wire.source < 0 && has(wire.parent) && sources_of_node(wire.parent).size() > 1;
  };
  for (const auto& [number, each] : places_) {
    const bool shows_several = each.runner->node()->needs_one_source() && each.sources->size() > 1;
    if (shows_several || std::ranges::any_of(each.wires, joins_several))
      return "'" + each.runner->name() + "'";
  }
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    if (std::ranges::any_of(reader_wires_[i], joins_several)) return "reader '" + readers_[i]->name() + "'";
  }
  return {};
}

// The deepest first: a node is not told that a source has gone while its samples are on another way to it.
void Graph::begin_below(int node, const Sources& sources, Change change) {
  const auto begin = [&](Wire& wire, Inbox& inbox, int consumer) {
    if (wire.parent != node || !wire.edge) return;
    Sources passing;
    for (const int source : sources) {
      if (wire.source < 0 || wire.source == source) passing.push_back(source);
    }
    if (passing.empty()) return;
    if (consumer >= 0) {
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
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    for (auto& wire : reader_wires_[i]) begin(wire, readers_[i]->inbox(), -1);
  }
}

}  // namespace freshframe::core
