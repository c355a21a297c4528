// Nodes, edges and readers that leave a graph that runs.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "core/pipeline/graph.hpp"

namespace freshframe::core {
namespace {

// With its producer, or with the only source whose samples pass there.
bool goes_with(const Graph::Wire& wire, const std::set<int>& going) {
  return going.contains(wire.parent) || (wire.source >= 0 && going.contains(wire.source));
}

}  // namespace

bool Graph::is_leaving(const Wire& wire) const {
  const auto leaves = [this](int node) { return !has(node) || runner(node).removal() != nullptr; };
  return leaves(wire.parent) || (wire.source >= 0 && leaves(wire.source));
}

EdgeStats Graph::take_away(Wire& wire, Inbox& inbox) {
  if (has(wire.parent)) runner(wire.parent).outlet().outputs().remove(wire.edge);
  return inbox.remove_edge(wire.edge);
}

// Its producer sends nothing more there. What waits is still taken.
void Graph::end_edge(const Wire& wire, Inbox& inbox) {
  runner(wire.parent).outlet().outputs().remove(wire.edge);
  inbox.end(*wire.edge);
}

// A merge without edges has not ended.
void Graph::keep_merge_open(int index) {
  const auto leaves = [this](const Wire& wire) { return is_leaving(wire); };
  if (merges_[static_cast<std::size_t>(index)] && std::ranges::all_of(wires_of(index), leaves))
    runner(index).inbox().stay_open(true);
}

EdgeStats Graph::disconnect(const AnyPort& parent, int child) {
  if (!has(child) || !has(parent.node)) throw StateError("a node to disconnect was removed");
  const auto index = static_cast<std::size_t>(child);
  auto& node = runner(child);
  if (joins_[index]) {
    throw GraphError(
        "'" + node.name() +
        "' joins its parents and cannot be disconnected from one: remove() it and add another join" +
        (joins_[index]->partial ? ", or remove() the parent, whose place is then empty" : ""));
  }
  if (!merges_[index]) {
    throw GraphError("'" + node.name() + "' was added with one parent and cannot be without it: remove() it");
  }
  auto& wires = wires_[index];
  const int source = only_source(parent);
  const auto found = std::ranges::find_if(
      wires, [&](const Wire& wire) { return wire.parent == parent.node && wire.source == source; });
  if (found == wires.end()) {
    throw GraphError("'" + runner(parent.node).name() + "' is not connected to '" + node.name() + "'");
  }
  auto wire = *found;
  wires.erase(found);
  EdgeStats books;
  if (wire.edge) {
    ++change_;
    if (wires.empty()) node.inbox().stay_open(true);
    books = take_away(wire, node.inbox());
  }
  find_sources();
  return books;
}

std::vector<int> Graph::with_all_below(int index) const {
  std::set<int> going{index};
  const auto goes = [&](const Wire& wire) { return goes_with(wire, going); };
  for (bool more = true; more;) {
    more = false;
    for (int i = 0; i < size(); ++i) {
      if (!has(i) || going.contains(i) || merges_[static_cast<std::size_t>(i)]) continue;
      const auto& wires = wires_of(i);
      if (wires.empty()) continue;
      const auto& join = joins_[static_cast<std::size_t>(i)];
      // A join cannot be without one of its parents, or, with partial sets, without its reference.
      const bool ends = !join           ? std::ranges::all_of(wires, goes)
                        : join->partial ? goes(wires.front())
                                        : std::ranges::any_of(wires, goes);
      if (!ends) continue;
      going.insert(i);
      more = true;
    }
  }
  return {going.begin(), going.end()};
}

std::vector<EdgeStats> Graph::cut(const std::vector<int>& nodes, bool drains) {
  const std::set<int> going(nodes.begin(), nodes.end());
  std::vector<EdgeStats> books;
  ++change_;
  const auto goes = [&](const Wire& wire) { return goes_with(wire, going); };
  for (int i = 0; i < size(); ++i) {
    if (!has(i)) continue;
    auto& inbox = runner(i).inbox();
    if (going.contains(i)) {
      for (auto& wire : wires_at(i)) {  // the edges from those that stay
        if (going.contains(wire.parent) || !wire.edge || !has(wire.parent)) continue;
        end_edge(wire, inbox);
      }
    } else if (runner(i).removal() != nullptr) {  // its edges were ended when its own removal began
      continue;
    } else if (drains) {  // they end with their producer, and a merge goes on without edges
      if (std::ranges::any_of(wires_at(i), goes)) keep_merge_open(i);
    } else if (std::ranges::any_of(wires_at(i), goes)) {
      inbox.stay_open(true);  // a merge without edges has not ended
      for (auto& wire : wires_at(i)) {
        if (goes(wire) && wire.edge) books.push_back(take_away(wire, inbox));
      }
      std::erase_if(wires_at(i), goes);
      inbox.stay_open(wires_at(i).empty() || open_[static_cast<std::size_t>(i)]);
    }
    if (going.contains(i) || drains) continue;
    for (const int node : nodes) {
      if (runner(node).is_source()) inbox.drop_source(node);
    }
  }
  for (std::size_t i = 0; i < readers_.size() && !drains; ++i) {
    for (auto& wire : reader_wires_[i]) {  // of a source that goes, below a node that stays
      if (!goes(wire) || going.contains(wire.parent) || !wire.edge || !has(wire.parent)) continue;
      readers_[i]->inbox().close_edge(*wire.edge);
      end_edge(wire, readers_[i]->inbox());
    }
  }
  return books;
}

void Graph::close_reader_edges(const std::vector<int>& nodes) {
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    for (const auto& wire : reader_wires_[i]) {
      if (wire.edge && std::ranges::find(nodes, wire.parent) != nodes.end())
        readers_[i]->inbox().close_edge(*wire.edge);
    }
  }
}

std::vector<EdgeStats> Graph::sweep() {
  std::vector<EdgeStats> books;
  std::erase_if(drained_, [&](const Drained& each) {
    if (!each.inbox->is_over(*each.edge)) return false;
    if (has(each.parent)) runner(each.parent).outlet().outputs().remove(each.edge);
    books.push_back(each.inbox->remove_edge(each.edge));
    return true;
  });
  return books;
}

bool Graph::keep_end(int node, const GoneSource& gone) {
  if (!has(gone.source) || runner(gone.source).removal() != nullptr) return false;
  kept_ends_[static_cast<std::size_t>(node)][gone.source] = gone.upto;
  return true;
}

void Graph::pass_kept_ends(int source) {
  for (int i = 0; i < size(); ++i) {
    auto& kept = kept_ends_[static_cast<std::size_t>(i)];
    const auto found = kept.find(source);
    if (found == kept.end()) continue;
    if (has(i)) runner(i).outlet().end({source, found->second});
    kept.erase(found);
  }
}

std::vector<EdgeStats> Graph::forget(int index) {
  std::vector<EdgeStats> books;
  const auto place = static_cast<std::size_t>(index);
  pass_kept_ends(index);
  kept_ends_[place].clear();
  for (auto& wire : wires_[place]) {
    if (wire.edge) books.push_back(take_away(wire, runner(index).inbox()));
  }
  for (int i = 0; i < size(); ++i) {  // edges to nodes that stay, whose waiting samples are still processed
    if (!has(i) || i == index) continue;
    const bool goes = runner(i).removal() != nullptr;  // and then takes its edges away itself
    const auto from_it = [&](const Wire& wire) {
      return wire.parent == index || (wire.source == index && !goes);
    };
    if (std::ranges::none_of(wires_at(i), from_it)) continue;
    if (runner(i).removal() == nullptr) keep_merge_open(i);
    for (const auto& wire : wires_at(i)) {
      if (from_it(wire) && wire.edge) drained_.push_back({wire.parent, runner(i).shared_inbox(), wire.edge});
    }
    std::erase_if(wires_at(i), from_it);
  }
  names_.erase(runner(index).name());
  names_.erase(runner(index).stream_name());
  wires_[place].clear();
  wires_[place].shrink_to_fit();
  sources_[place] = std::make_shared<const Sources>();
  runners_[place].reset();
  reached_[place].clear();
  for (auto& streams : reached_) streams.erase(index);
  find_sources();
  find_live();
  std::ranges::move(sweep(), std::back_inserter(books));
  return books;
}

std::vector<EdgeStats> Graph::forget(const ReaderCore& reader) {
  std::vector<EdgeStats> books;
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    if (readers_[i].get() != &reader) continue;
    for (auto& wire : reader_wires_[i]) {
      if (wire.edge) books.push_back(take_away(wire, readers_[i]->inbox()));
    }
    names_.erase(reader.name());
    readers_.erase(readers_.begin() + static_cast<std::ptrdiff_t>(i));
    reader_wires_.erase(reader_wires_.begin() + static_cast<std::ptrdiff_t>(i));
    reader_joins_.erase(reader_joins_.begin() + static_cast<std::ptrdiff_t>(i));
    break;
  }
  return books;
}

}  // namespace freshframe::core
