// Removing nodes, edges and readers from a running graph.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "core/pipeline/graph/graph_facts.hpp"
#include "core/pipeline/runner/removal.hpp"

namespace freshframe::core {
namespace {

// Returns the final counters. `inbox` belongs to the edge's consumer.
EdgeStats take_away(const Graph& graph, const Wire& wire, Inbox& inbox) {
  if (graph.has(wire.parent)) graph.runner(wire.parent).outlet().outputs().remove(wire.edge);
  return inbox.remove_edge(wire.edge);
}

// Tells the edge that its producer sends nothing more. Queued samples can still be taken.
void end_edge(const Graph& graph, const Wire& wire, Inbox& inbox) {
  graph.runner(wire.parent).outlet().outputs().remove(wire.edge);
  inbox.end_edge(*wire.edge);
}

// Keeps a merge open that is about to lose its last edge, since it may get new ones.
void keep_merge_open(const Graph& graph, const Graph::Place& merge) {
  const auto leaves = [&graph](const Wire& wire) { return is_leaving(graph, wire); };
  if (merge.merge && std::ranges::all_of(merge.wires, leaves)) merge.runner->inbox().stay_open(true);
}

bool goes_with(const Wires& wires, const std::set<int>& going) {
  return std::ranges::any_of(wires, [&](const Wire& wire) { return wire.goes_with(going); });
}

// Returns true if the edge must be ended, because its producer stays in the graph.
bool ends_alone(const Graph& graph, const Wire& wire, const std::set<int>& going) {
  return !going.contains(wire.parent) && wire.edge && graph.has(wire.parent);
}

// Ends the edges from the nodes that stay into a node that is removed.
void end_inputs(const Graph& graph, const Graph::Place& place, const std::set<int>& going) {
  auto& inbox = place.runner->inbox();
  for (const auto& wire : place.wires) {
    if (ends_alone(graph, wire, going)) end_edge(graph, wire, inbox);
  }
  inbox.stay_open(false);  // a merge ends with its last edge, or immediately if it has none
}

// Removes the edges from the removed nodes into a node that stays, with their queued samples. Returns the
// final counters.
std::vector<EdgeStats> take_inputs(const Graph& graph, Graph::Place& place, const std::set<int>& going) {
  std::vector<EdgeStats> books;
  auto& inbox = place.runner->inbox();
  const auto goes = [&](const Wire& wire) { return wire.goes_with(going); };
  if (goes_with(place.wires, going)) {
    inbox.stay_open(true);  // a merge without edges has not ended
    for (const auto& wire : place.wires) {
      if (goes(wire) && wire.edge) books.push_back(take_away(graph, wire, inbox));
    }
    std::erase_if(place.wires, goes);
    inbox.stay_open(place.wires.empty() || place.open);
  }
  for (const int node : going) {
    if (graph.runner(node).is_source()) inbox.drop_source(node);
  }
  return books;
}

}  // namespace

EdgeStats Graph::disconnect(int child, const AnyPort& parent) {
  if (!has(child)) throw StateError("cannot disconnect a node that was removed");
  auto& merge = place(child);
  auto& node = *merge.runner;
  if (!has(parent.node))
    throw StateError("cannot disconnect '" + node.name() + "' from a node that was removed");
  if (merge.join) {
    throw GraphError(
        "'" + node.name() +
        "' joins its parents and cannot be disconnected from one: remove() it and add a new join" +
        (merge.join->partial ? ", or remove() the parent, whose place is then empty" : ""));
  }
  if (!merge.merge) {
    throw GraphError("'" + node.name() +
                     "' was added with one parent and cannot run without it: remove() the node instead");
  }
  auto& wires = merge.wires;
  const int source = only_source(*this, parent);
  const auto found = std::ranges::find_if(
      wires, [&](const Wire& wire) { return wire.parent == parent.node && wire.source == source; });
  if (found == wires.end()) {
    throw GraphError("'" + runner(parent.node).name() + "' is not connected to '" + node.name() + "'");
  }
  const auto wire = std::move(*found);
  wires.erase(found);
  EdgeStats books;
  if (wire.edge) {
    ++change_;
    if (wires.empty()) node.inbox().stay_open(node.life().removal() == nullptr);
    books = take_away(*this, wire, node.inbox());
    end_orphans();
  }
  find_sources();
  return books;
}

// A merge added without parents waits for its first one, even after the last source has ended.
void Graph::end_orphans() const {
  const auto is_running = [](const auto& entry) {
    return entry.second.runner->is_source() && !entry.second.runner->life().is_finished();
  };
  if (keeps_running_ || std::ranges::any_of(places_, is_running)) return;
  for (const auto& [number, each] : places_) {
    if (each.merge && !each.open && each.wires.empty()) each.runner->inbox().stay_open(false);
  }
}

std::vector<EdgeStats> Graph::cut(const std::vector<int>& nodes, bool drains) {
  const std::set<int> going(nodes.begin(), nodes.end());
  std::vector<EdgeStats> books;
  ++change_;
  // This must come first: a node that loses a source notifies its children immediately, which would end a
  // merge among them.
  for (const auto& [number, each] : places_) {
    if (going.contains(number) || each.runner->life().removal() != nullptr || !goes_with(each.wires, going))
      continue;
    if (drains) {
      // Nodes downstream end with their producer. Only a merge that loses all its edges stays open.
      keep_merge_open(*this, each);
    } else {
      each.runner->inbox().stay_open(true);
    }
  }
  for (auto& [number, each] : places_) {
    if (going.contains(number)) {
      end_inputs(*this, each, going);
    } else if (!drains &&
               // A node being removed has already ended its own edges.
               each.runner->life().removal() == nullptr) {
      std::ranges::move(take_inputs(*this, each, going), std::back_inserter(books));
    }
  }
  if (drains) return books;
  for (const auto& [reader, wires, join] : readers_.all()) {
    for (const auto& wire : wires) {  // wires from a removed source into a node that stays
      if (!wire.goes_with(going) || !ends_alone(*this, wire, going)) continue;
      reader->inbox().close_edge(*wire.edge);
      end_edge(*this, wire, reader->inbox());
    }
  }
  readers_.close_edges(nodes);
  return books;
}

std::vector<EdgeStats> Graph::sweep() {
  std::vector<EdgeStats> books;
  std::erase_if(drained_, [&](const Drained& each) {
    if (!is_over(*each.inbox, *each.edge)) return false;
    if (has(each.parent)) runner(each.parent).outlet().outputs().remove(each.edge);
    books.push_back(each.inbox->remove_edge(each.edge));
    if (each.removal && !books.back().parent.empty()) each.removal->drained.push_back(books.back());
    return true;
  });
  return books;
}

std::set<std::string> Graph::draining(const std::set<const Removal*>& removals) const {
  std::set<std::string> names;
  for (const auto& each : drained_) {
    if (removals.contains(each.removal.get())) names.insert(each.inbox->consumer());
  }
  return names;
}

bool Graph::keep_end(int node, const GoneSource& gone) {
  if (!has(node)) return false;
  if (runner(node).life().removal() != nullptr) return true;
  if (!has(gone.source) || runner(gone.source).life().removal() != nullptr) return false;
  place(node).kept_ends[gone.source] = gone.upto;
  return true;
}

void Graph::pass_kept_ends(int source) {
  for (auto& [number, each] : places_) {
    const auto found = each.kept_ends.find(source);
    if (found == each.kept_ends.end()) continue;
    if (each.runner->life().removal() == nullptr) each.runner->outlet().end_edges({source, found->second});
    each.kept_ends.erase(found);
  }
}

std::vector<EdgeStats> Graph::forget(int index) {
  std::vector<EdgeStats> books;
  pass_kept_ends(index);
  auto& gone = place(index);
  const auto removal = gone.runner->life().removal();
  for (auto& wire : gone.wires) {
    if (wire.edge) books.push_back(take_away(*this, wire, gone.runner->inbox()));
  }
  for (auto& [number, each] :
       places_) {  // edges to nodes that stay, whose waiting samples are still processed
    if (number == index) continue;
    // A node that is being removed removes its own edges.
    const bool goes = each.runner->life().removal() != nullptr;
    const auto from_it = [&](const Wire& wire) {
      return wire.parent == index || (wire.source == index && !goes);
    };
    if (std::ranges::none_of(each.wires, from_it)) continue;
    if (!goes) keep_merge_open(*this, each);
    for (const auto& wire : each.wires) {
      if (from_it(wire) && wire.edge)
        drained_.push_back({wire.parent, each.runner->shared_inbox(), wire.edge, removal});
    }
    std::erase_if(each.wires, from_it);
  }
  take_back(index);
  for (auto& [number, each] : places_) each.reached.erase(index);
  find_sources();
  find_live();
  end_orphans();
  return books;
}

std::vector<EdgeStats> Graph::forget(const ReaderCore& reader) {
  std::vector<EdgeStats> books;
  const auto* const entry = std::as_const(readers_).find(reader);
  if (entry == nullptr) return books;
  for (const auto& wire : entry->wires) {
    if (wire.edge) books.push_back(take_away(*this, wire, reader.inbox()));
  }
  names_.release(reader.name());
  readers_.erase(reader);
  return books;
}

}  // namespace freshframe::core
