// Changes of a graph that runs: nodes, readers and edges come and go.
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

bool Graph::has_parents(int index) const {
  return std::ranges::none_of(wires_of(index), [this](const Wire& wire) { return is_leaving(wire); });
}

bool Graph::is_leaving(const Wire& wire) const {
  const auto leaves = [this](int node) { return !has(node) || runner(node).removal() != nullptr; };
  return leaves(wire.parent) || (wire.source >= 0 && leaves(wire.source));
}

void Graph::connect_late(int index) {
  find_live();
  auto& node = runner(index);
  for (const auto& wire : wires_of(index)) (void)resolve_queue(wire, node.name(), false);
  ++change_;
  find_sources();
  node.set_live(live_[static_cast<std::size_t>(index)]);
  for (const int source : sources_of_node(index)) reached_[static_cast<std::size_t>(index)][source] = change_;
  connect(node.shared_inbox(), wires_at(index), &node.node(), joins_[static_cast<std::size_t>(index)]);
  node.inbox().stay_open(open_[static_cast<std::size_t>(index)]);
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
  if (joins_[static_cast<std::size_t>(child)]) {
    throw GraphError("'" + node.name() +
                     "' joins its parents and takes no other: remove() it and add another join");
  }
  if (!merges_[static_cast<std::size_t>(child)]) {
    throw GraphError("'" + node.name() +
                     "' was added with one parent and takes no other: add it with a list, [" +
                     (has(parent.node) ? runner(parent.node).name() : std::string("parent")) + "]");
  }
  const AnyPort parents[] = {parent};
  check_parents(&node.node(), node.name(), parents);
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
  auto& wires = wires_at(child);
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
  for (const int source : sources_of(parent)) reached_[static_cast<std::size_t>(child)][source] = change_;
  node.inbox().stay_open(true);
  wires.back().edge = make_edge(node.shared_inbox(), wire, &node.node());
  open_edge(node.shared_inbox(), wires.back(), &node.node());
  node.inbox().stay_open(open_[static_cast<std::size_t>(child)]);
}

std::string Graph::takes_one_source() const {
  const auto joins_several = [&](const Wire& wire) {
    return wire.joined && wire.source < 0 && has(wire.parent) && sources_of_node(wire.parent).size() > 1;
  };
  for (int i = 0; i < size(); ++i) {
    if (!has(i)) continue;
    const bool shows_several = runner(i).node().needs_one_source() && sources_of_node(i).size() > 1;
    if (shows_several || std::ranges::any_of(wires_of(i), joins_several)) return "'" + runner(i).name() + "'";
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
      for (const int source : passing) reached_[static_cast<std::size_t>(consumer)][source] = change;
    }
    for (const int source : passing) {
      inbox.add_source(*wire.edge,
                       {.source = source, .begun = change, .reached = change, .by_pts = !is_live(source)});
    }
  };
  for (int i = 0; i < size(); ++i) {
    if (!has(i)) continue;
    for (auto& wire : wires_at(i)) begin(wire, runner(i).inbox(), i);
  }
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    for (auto& wire : reader_wires_[i]) begin(wire, readers_[i]->inbox(), -1);
  }
}

EdgeStats Graph::take_away(Wire& wire, Inbox& inbox) {
  if (has(wire.parent)) runner(wire.parent).outlet().outputs().remove(wire.edge);
  return inbox.remove_edge(wire.edge);
}

EdgeStats Graph::disconnect(const AnyPort& parent, int child) {
  if (!has(child) || !has(parent.node)) throw StateError("a node to disconnect was removed");
  const auto index = static_cast<std::size_t>(child);
  auto& node = runner(child);
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
  const auto goes = [&](const Wire& wire) {
    return going.contains(wire.parent) || (wire.source >= 0 && going.contains(wire.source));
  };
  for (bool more = true; more;) {
    more = false;
    for (int i = 0; i < size(); ++i) {
      if (!has(i) || going.contains(i) || merges_[static_cast<std::size_t>(i)]) continue;
      const auto& wires = wires_of(i);
      // A join cannot be without one of its parents.
      const bool is_join = joins_[static_cast<std::size_t>(i)].has_value();
      if (wires.empty() || !(is_join ? std::ranges::any_of(wires, goes) : std::ranges::all_of(wires, goes)))
        continue;
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
  const auto goes = [&](const Wire& wire) {
    return going.contains(wire.parent) || (wire.source >= 0 && going.contains(wire.source));
  };
  for (int i = 0; i < size(); ++i) {
    if (!has(i)) continue;
    auto& inbox = runner(i).inbox();
    if (going.contains(i)) {
      for (auto& wire : wires_at(i)) {  // the edges from those that stay
        if (going.contains(wire.parent) || !wire.edge || !has(wire.parent)) continue;
        runner(wire.parent).outlet().outputs().remove(wire.edge);
        inbox.end(*wire.edge);
      }
    } else if (runner(i).removal() != nullptr) {  // its edges were ended when its own removal began
      continue;
    } else if (drains) {  // they end with their producer, and a merge goes on without edges
      const bool is_merge = merges_[static_cast<std::size_t>(i)];
      const auto leaves = [this](const Wire& wire) { return is_leaving(wire); };
      if (is_merge && std::ranges::any_of(wires_at(i), goes) && std::ranges::all_of(wires_at(i), leaves))
        inbox.stay_open(true);
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
      runner(wire.parent).outlet().outputs().remove(wire.edge);
      readers_[i]->inbox().close_edge(*wire.edge);
      readers_[i]->inbox().end(*wire.edge);
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
    const bool is_merge = merges_[static_cast<std::size_t>(i)];
    const auto leaves = [this](const Wire& wire) { return is_leaving(wire); };
    if (is_merge && runner(i).removal() == nullptr && std::ranges::all_of(wires_at(i), leaves))
      runner(i).inbox().stay_open(true);
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
