// Queries about a graph: which sources reach a port, paths through the graph, and what blocks it.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/graph/graph_facts.hpp"

#include "freshframe/error.hpp"
#include "freshframe/packet.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <utility>

namespace freshframe::core {

int only_source(const Graph& graph, const AnyPort& port) {
  if (port.source < 0) return -1;
  if (!graph.has(port.node)) throw StateError("the node of this port was removed");
  if (!graph.has(port.source))
    throw StateError("the source that a port of '" + graph.runner(port.node).name() +
                     "' is restricted to was removed");
  const auto& named = graph.list_node_sources(port.source);
  const auto& reaching = graph.list_node_sources(port.node);
  const auto& name = graph.runner(port.source).name();
  // A node's own stream starts at the node; all other streams start at sources.
  const bool is_source = graph.runner(port.source).facts().has_own_stream();
  if (!is_source && named.empty()) {
    throw GraphError("of() needs a port with one source, but '" + name +
                     "' has no source upstream: pass the port of a source, or connect() '" + name +
                     "' first");
  }
  if (!is_source && named.size() > 1) {
    throw GraphError("of() needs a port with one source, but '" + name + "' has " +
                     std::to_string(named.size()) + " sources upstream: pass the port of one of them");
  }
  const int only = is_source ? port.source : named.front();
  if (!std::binary_search(reaching.begin(), reaching.end(), only)) {
    throw GraphError("'" + graph.runner(port.node).name() + "' returns no samples of '" + name +
                     "': pass a source upstream of it to of()");
  }
  return only;
}

Sources list_sources(const Graph& graph, const AnyPort& port) {
  const int only = only_source(graph, port);
  if (only >= 0) return {only};
  return graph.has(port.node) ? graph.list_node_sources(port.node) : Sources{};
}

Sources sources_on(const Graph& graph, const Wire& wire) {
  if (!graph.has(wire.parent)) return {};
  const auto& sources = graph.list_node_sources(wire.parent);
  if (wire.source < 0) return sources;
  return std::ranges::binary_search(sources, wire.source) ? Sources{wire.source} : Sources{};
}

Sources list_sources(const Graph& graph, std::span<const AnyPort> ports) {
  std::set<int> all;
  for (const auto& port : ports) {
    const auto sources = list_sources(graph, port);
    all.insert(sources.begin(), sources.end());
  }
  return {all.begin(), all.end()};
}

bool is_leaving(const Graph& graph, const Wire& wire) {
  const auto leaves = [&graph](int node) {
    return !graph.has(node) || graph.runner(node).life().removal() != nullptr;
  };
  return leaves(wire.parent) || (wire.source >= 0 && leaves(wire.source));
}

std::vector<AnyPort> list_parents(const Graph& graph, int index) {
  std::vector<AnyPort> parents;
  for (const auto& wire : graph.list_wires(index)) {
    if (!is_leaving(graph, wire)) parents.emplace_back(wire.parent, wire.source);
  }
  return parents;
}

bool gives_packets(const Graph& graph, int node) {
  const auto kept = graph.runner(node).node();
  return kept->output_type() == get_type<Packet>() || kept->contract().gives_packets;
}

Queue resolve_queue(const Graph& graph, const Wire& wire, const std::string& consumer, bool recorder) {
  const bool live = graph.is_live(wire.parent);
  const bool several = graph.runner(wire.parent).facts().gives_several;
  auto chosen = gives_packets(graph, wire.parent) ? kRecording
                : live && wire.joined             ? kJoining
                : live && recorder                ? kRecording
                : live && !several                ? kLatest
                                                  : kLossless;
  if (chosen.blocks() != wire.joined)
    chosen.depth = std::max(chosen.depth, several && !wire.joined ? 2 * wire.depth : wire.depth);
  const auto queue = wire.options.queue.value_or(chosen);
  if (wire.options.max_age && !live) {
    throw GraphError("'" + consumer + "' has max_age, but '" + graph.runner(wire.parent).name() +
                     "' comes from a file, where nothing may be dropped: leave max_age out, or open it with "
                     "realtime=True");
  }
  return queue;
}

std::string why_lossless(const Graph& graph, const Wires& wires) {
  for (const auto& wire : wires) {
    if (gives_packets(graph, wire.parent)) {
      return "a packet of '" + graph.runner(wire.parent).name() +
             "' means nothing without the packets before it: use poll(), get() or a loop";
    }
    if (!resolve_queue(graph, wire, {}, false).blocks()) continue;
    if (wire.options.queue) return "its queue blocks: use poll(), realtime=True, or queue=LATEST";
    if (graph.is_live(wire.parent)) {
      return "'" + graph.runner(wire.parent).name() +
             "' returns several results per sample, of which latest() would skip some: use poll(), get() or "
             "a loop, or queue=LATEST";
    }
    auto file = graph.runner(wire.parent).name();
    for (const int source : list_sources(graph, {wire.parent, wire.source})) {
      if (!graph.has(source) || !graph.runner(source).is_source()) continue;
      file = graph.runner(source).name();
      break;
    }
    return "'" + file + "' is a file: use poll(), realtime=True, or queue=LATEST";
  }
  return {};
}

std::string missed_before(const Graph& graph, const std::string& consumer, const Wires& wires) {
  std::string missed;
  for (const auto& wire : wires) {
    if (!wire.edge || !wire.edge->options.queue.blocks() || graph.is_live(wire.parent)) continue;
    const int from = wire.source >= 0 && graph.has(wire.source) ? wire.source : wire.parent;
    const auto given = graph.runner(from).outlet().given_count();
    if (given == 0) continue;
    missed += (missed.empty() ? "" : " and ") + std::to_string(given) + " samples of '" +
              graph.runner(from).name() + "'";
  }
  if (missed.empty()) return {};
  return "'" + consumer + "' has missed " + missed +
         ", which were sent before it was connected: connect it before the pipeline starts, to receive the "
         "whole file";
}

std::vector<std::string> list_views(const Graph& graph, int node) {
  const auto& name = graph.runner(node).name();
  const auto& sources = graph.list_node_sources(node);
  // A merge with one camera is treated the same, since a second camera may be added.
  if (sources.size() < 2 && !graph.place(node).merge) return {name};
  std::vector<std::string> views;
  for (const int source : sources)
    views.push_back(name + ".of('" + graph.runner(source).facts().stream_name + "')");
  return views;
}

std::vector<Demand> demands_below(const Graph& graph, int index) {
  std::vector<Demand> found;
  for (int child = 0; child < graph.size(); ++child) {
    if (!graph.has(child)) continue;
    const auto& runner = graph.runner(child);
    const auto node = runner.node();
    if (node->contract().runs_outside || node->input_types().empty()) continue;
    const auto is_below = [&](const Wire& wire) { return wire.parent == index; };
    if (std::ranges::any_of(graph.list_wires(child), is_below))
      found.push_back({node->input_types(), runner.name()});
  }
  return found;
}

bool has_parents(const Graph& graph, int index) {
  return std::ranges::none_of(graph.list_wires(index),
                              [&graph](const Wire& wire) { return is_leaving(graph, wire); });
}

void find_ancestors(const Graph& graph, int node, std::set<int>& found) {
  if (!graph.has(node) || !found.insert(node).second) return;
  for (const auto& wire : graph.list_wires(node)) find_ancestors(graph, wire.parent, found);
}

std::set<int> list_ancestors(const Graph& graph, const ReaderCore& reader) {
  std::set<int> nodes;
  const auto* const entry = graph.readers().find(reader);
  if (entry == nullptr) return nodes;
  Sources given;
  for (const auto& wire : entry->wires) {
    if (!graph.has(wire.parent)) continue;
    find_ancestors(graph, wire.parent, nodes);
    const auto sources = sources_on(graph, wire);
    given.insert(given.end(), sources.begin(), sources.end());
  }
  std::erase_if(nodes, [&](int node) {  // remove the sources that the ports exclude
    return graph.runner(node).is_source() && std::ranges::find(given, node) == given.end();
  });
  return nodes;
}

std::vector<int> list_companions(const Graph& graph, int index) {
  std::vector<int> found;
  for (const auto& [number, each] : graph.places()) {
    if (each.companion_of == index) found.push_back(number);
  }
  return found;
}

std::vector<int> with_all_below(const Graph& graph, int index) {
  std::set<int> going{index};
  for (const int companion : list_companions(graph, index)) going.insert(companion);
  const auto goes = [&](const Wire& wire) { return wire.goes_with(going); };
  for (bool more = true; more;) {
    more = false;
    for (const auto& [number, each] : graph.places()) {
      const auto& wires = each.wires;
      if (going.contains(number) || each.merge || wires.empty()) continue;
      const auto& join = each.join;
      // A join ends without one of its parents or, if partial sets are allowed, without its reference.
      const bool ends = !join           ? std::ranges::all_of(wires, goes)
                        : join->partial ? goes(wires.front())
                                        : std::ranges::any_of(wires, goes);
      if (!ends) continue;
      going.insert(number);
      more = true;
    }
  }
  return {going.begin(), going.end()};
}

// Ignores sources being removed.
std::string takes_one_source(const Graph& graph) {
  const auto stays = [&](int source) {
    return graph.has(source) && graph.runner(source).life().removal() == nullptr;
  };
  const auto joins_several = [&](const Wire& wire) {
    return wire.joined && wire.source < 0 && graph.has(wire.parent) &&
           std::ranges::count_if(graph.list_node_sources(wire.parent), stays) > 1;
  };
  for (const auto& [number, each] : graph.places()) {
    const bool shows_several =
        each.runner->node()->contract().needs_one_source && std::ranges::count_if(*each.sources, stays) > 1;
    if (shows_several || std::ranges::any_of(each.wires, joins_several))
      return "'" + each.runner->name() + "'";
  }
  for (const auto& [reader, wires, join] : graph.readers().all()) {
    if (std::ranges::any_of(wires, joins_several)) return "reader '" + reader->name() + "'";
  }
  return {};
}

std::vector<const Inbox*> inboxes(const Graph& graph) {
  std::vector<const Inbox*> all;
  for (const auto& [number, each] : graph.places()) all.push_back(&std::as_const(*each.runner).inbox());
  for (const auto& [reader, wires, join] : graph.readers().all()) all.push_back(&reader->inbox());
  return all;
}

int frame_bound(const Graph& graph) {
  constexpr int kSlack = 4;  // a source's current frame, a decoder's delay, a frame on its way to Python
  std::int64_t bound = kSlack;
  for (const auto& node : graph.runners()) {
    ++bound;
    if (const auto& batch = node->facts().batch) bound += batch->size - 1;
  }
  for (const auto* inbox : inboxes(graph)) bound += core::frame_bound(*inbox);
  return static_cast<int>(std::min<std::int64_t>(bound, std::numeric_limits<int>::max()));
}

std::uint64_t count_delivered(const Graph& graph) {
  std::uint64_t sum = 0;
  for (const auto* inbox : inboxes(graph)) sum += core::count_delivered(*inbox);
  return sum;
}

std::optional<std::string> starved_join(const Graph& graph) {
  for (const auto& [reader, wires, join] : graph.readers().all()) {  // an unread reader may be the cause
    if (!reader->inbox().joins() && full_blocking_parent(reader->inbox())) return std::nullopt;
  }
  for (const auto* inbox : inboxes(graph)) {
    const auto starved = starved_join(*inbox);
    if (!starved) continue;
    return "join '" + inbox->consumer() + "' waits for a sample of '" + starved->empty +
           "', while its queue for '" + starved->full +
           "' is full. Downstream of files it waits forever: if '" + starved->empty +
           "' skips samples, pass Join(max_wait=...) or a longer queue, or let it return a value for each "
           "sample";
  }
  return std::nullopt;
}

std::optional<std::string> forgotten_merge(const Graph& graph) {
  const Runner* forgotten = nullptr;
  bool had_source = false;
  for (const auto& [number, each] : graph.places()) {
    if (each.runner->is_source() && !each.runner->life().is_finished()) return std::nullopt;
    had_source = had_source || each.runner->is_source();
    const bool is_waiting = each.open && each.wires.empty() && each.reached.empty();
    if (is_waiting && each.runner->life().removal() == nullptr) forgotten = each.runner.get();
  }
  if (forgotten == nullptr || !had_source) return std::nullopt;
  return "all sources have ended, and '" + forgotten->name() +
         "' waits for its first parent: it was added with an empty list. connect() a port to it or remove() "
         "it. With Pipeline(keep_running=True) it may wait for cameras that are added later";
}

// The culprit is a reader, or a node that is not itself blocked by another full edge; edges upstream of it
// are full because of it.
std::optional<std::string> full_edge(const Graph& graph) {
  for (const auto& [reader, wires, join] : graph.readers().all()) {
    if (full_blocking_parent(reader->inbox())) return "reader '" + reader->name() + "' is not read";
  }
  std::optional<std::string> full;
  for (const auto& [number, each] : graph.places()) {
    const auto& node = *each.runner;
    const auto parent = full_blocking_parent(node.inbox());
    if (!parent || (full && node.outlet().is_blocked())) continue;
    full = "'" + node.name() + "' takes no samples from '" + *parent + "'";
    if (!node.outlet().is_blocked()) break;
  }
  return full;
}

std::optional<std::int64_t> total(const Graph& graph) {
  std::int64_t sum = 0;
  for (const auto& [number, each] : graph.places()) {
    const auto source = each.runner->place().source();
    if (source == nullptr) continue;
    const auto total = source->total();
    if (!total) return std::nullopt;
    sum += *total;
  }
  return sum;
}

}  // namespace freshframe::core
