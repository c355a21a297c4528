// Building a graph: the choice of queues, wiring, and questions about the whole.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/graph.hpp"

#include "freshframe/error.hpp"
#include "freshframe/packet.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <string>
#include <utility>

namespace freshframe::core {
namespace {

// The default queue of a join holds the samples of its wait. Frames wait there, so it has a bound.
int depth_of_wait(const Join& join) {
  constexpr double kRate = 60;  // samples per second of a fast camera
  constexpr double kMost = 128;
  return static_cast<int>(std::ceil(std::clamp(join.wait.value_or(0) * kRate, 0.0, kMost)));
}

bool has_events(const NodeBase& node) {
  const auto* const type = node.output_type();
  return type != nullptr && type->events;
}

}  // namespace

int Graph::add(std::shared_ptr<Runner> runner, std::span<const AnyPort> parents, const AddOptions& options) {
  Wires wires;
  const int depth = options.batch ? options.batch->size : options.join ? depth_of_wait(*options.join) : 0;
  for (const auto& parent : parents) {
    wires.push_back({parent.node, options.queue, options.max_age, only_source(parent), depth,
                     options.join.has_value(), options.max_rate});
  }
  Place added;
  if (options.join) added.join = resolve_join(runner->name(), parents, *options.join, options.queue);
  if (runner->is_source()) {
    added.sources = std::make_shared<const Sources>(1, size());
  } else if (options.join) {
    added.sources = std::make_shared<const Sources>(sources_of(parents[0]));  // of the reference
  } else if (parents.size() == 1 && parents[0].source < 0) {
    added.sources = place(parents[0].node).sources;  // shared by a chain
  } else {
    added.sources = std::make_shared<const Sources>(sources_of(parents));
  }
  if (runner->has_own_stream()) {
    auto sources = *added.sources;
    sources.push_back(size());  // the greatest number so far
    added.sources = std::make_shared<const Sources>(std::move(sources));
  }
  runner->outlet().outputs().set_sources(added.sources);
  added.runner = std::move(runner);
  added.wires = std::move(wires);
  added.merge = options.merge && !options.join;
  added.open = options.merge && parents.empty();
  added.runner->inbox().stay_open(added.open);
  if (options.join) added.runner->inbox().expect_join();
  places_.emplace(next_, std::move(added));
  return next_++;
}

void Graph::add_reader(std::shared_ptr<ReaderCore> reader, std::span<const AnyPort> parents,
                       const ReaderOptions& options) {
  Wires wires;
  for (const auto& parent : parents) {
    wires.push_back({parent.node, options.queue, std::nullopt, only_source(parent),
                     options.join ? depth_of_wait(*options.join) : 0, options.join.has_value(),
                     options.max_rate});
  }
  reader_joins_.emplace_back();
  if (options.join) {
    reader_joins_.back() = resolve_join(reader->name(), parents, *options.join, options.queue);
    reader->inbox().expect_join();
  }
  readers_.push_back(std::move(reader));
  reader_wires_.push_back(std::move(wires));
}

Queue Graph::resolve_queue(const Wire& wire, const std::string& consumer, bool recorder) const {
  const bool live = is_live(wire.parent);
  const bool several = runner(wire.parent).gives_several();
  auto chosen = live && wire.joined ? kJoining
                : live && recorder  ? kRecording
                : live && !several  ? kLatest
                                    : kLossless;
  if (chosen.blocks() != wire.joined)
    chosen.depth = std::max(chosen.depth, several && !wire.joined ? 2 * wire.depth : wire.depth);
  const auto queue = wire.queue.value_or(chosen);
  if (wire.max_age && !live) {
    throw GraphError("'" + consumer + "' has max_age, but '" + runner(wire.parent).name() +
                     "' comes from a file, where nothing may be dropped: leave max_age out, or open it with "
                     "realtime=True");
  }
  return queue;
}

Change Graph::reached(int node, int source) const {
  const auto& streams = place(node).reached;
  const auto found = streams.find(source);
  return found != streams.end() ? found->second : 0;
}

EdgeRef Graph::make_edge(const std::shared_ptr<Inbox>& inbox, const Wire& wire, const NodeBase* node) {
  const bool recorder = node != nullptr && node->is_recorder();
  auto& parent = runner(wire.parent);
  auto sources = sources_of({wire.parent, wire.source});
  auto files = files_of(sources);
  auto edge = inbox->add_edge({.parent = wire.parent,
                               .parent_name = parent.name(),
                               .queue = resolve_queue(wire, inbox->consumer(), recorder),
                               .max_age = wire.max_age,
                               .max_rate = wire.max_rate,
                               .by_pts = std::move(files),
                               .sources = std::move(sources),
                               .only = wire.source >= 0 ? runner(wire.source).stream_name() : std::string(),
                               .events = has_events(*parent.node()),
                               .finishes = parent.node()->finishes(),
                               .recorded = recorder,
                               .way_to_be_faster = recorder ? node->way_to_be_faster() : std::string(),
                               .only_source = wire.source,
                               .joined = wire.joined,
                               .number = edges_++});
  for (const int source : edge->options.sources) {
    inbox->add_source(*edge, {.source = source,
                              .begun = reached(wire.parent, source),
                              .reached = change_,
                              .by_pts = !is_live(source)});
  }
  return edge;
}

void Graph::open_edge(const std::shared_ptr<Inbox>& inbox, const Wire& wire, const NodeBase* node) {
  auto& parent = runner(wire.parent);
  Demand demand;
  if (node != nullptr && !node->runs_outside() && parent.node()->output_type() == nullptr) {
    demand = {node->input_types(), inbox->consumer()};
  }
  parent.outlet().outputs().add({inbox, wire.edge, wire.source}, std::move(demand));
}

// No sample comes before the join knows all its edges.
void Graph::connect(const std::shared_ptr<Inbox>& inbox, Wires& wires, const NodeBase* node,
                    const std::optional<JoinRules>& join) {
  for (auto& wire : wires) wire.edge = make_edge(inbox, wire, node);
  if (join) inbox->join(*join);
  for (const auto& wire : wires) open_edge(inbox, wire, node);
}

Graph::Sources Graph::files_of(const Sources& sources) const {
  Sources files;
  std::ranges::copy_if(sources, std::back_inserter(files), [&](int source) { return !is_live(source); });
  return files;
}

std::string Graph::why_lossless(const Wires& wires) const {
  for (const auto& wire : wires) {
    if (runner(wire.parent).node()->output_type() == type_of<Packet>()) {
      return "a packet of '" + runner(wire.parent).name() +
             "' means nothing without those before it: use poll(), get() or a loop";
    }
    if (!resolve_queue(wire, {}, false).blocks()) continue;
    if (wire.queue) return "its queue blocks: use poll(), realtime=True, or queue=LATEST";
    if (is_live(wire.parent)) {
      return "'" + runner(wire.parent).name() +
             "' gives several results per sample, of which latest() would skip some: use poll(), get() or a "
             "loop, or queue=LATEST";
    }
    auto file = runner(wire.parent).name();
    for (const int source : sources_of({wire.parent, wire.source})) {
      if (!has(source) || !runner(source).is_source()) continue;
      file = runner(source).name();
      break;
    }
    return "'" + file + "' is a file: use poll(), realtime=True, or queue=LATEST";
  }
  return {};
}

void Graph::find_live() {
  std::set<int> known;
  for (const auto& [number, each] : places_) find_live(number, known);
}

// An open merge is live: cameras may come, and nothing below it may hold them up.
void Graph::find_live(int node, std::set<int>& known) {
  if (!known.insert(node).second) return;
  auto& here = place(node);
  const auto source = here.runner->source();
  // And a merge that was above live sources stays what it was without them.
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
    for (const int source : sources_of_node(wire.parent)) {
      if (wire.source < 0 || wire.source == source) all.insert(source);
    }
  }
  if (here.runner->has_own_stream()) all.insert(node);
  if (std::ranges::equal(all, *here.sources)) return;
  here.sources = std::make_shared<const Sources>(all.begin(), all.end());
  here.runner->outlet().outputs().set_sources(here.sources);
}

std::vector<std::shared_ptr<Runner>> Graph::runners() const {
  std::vector<std::shared_ptr<Runner>> there;
  there.reserve(places_.size());
  for (const auto& [number, each] : places_) there.push_back(each.runner);
  return there;
}

void Graph::wire(bool may_be_empty) {
  if (places_.empty() && !may_be_empty) throw GraphError("there is nothing to run: add() a source first");
  find_live();
  for (const auto& [number, each] : places_) {  // all refusals come before the first connection
    for (const auto& wire : each.wires) (void)resolve_queue(wire, each.runner->name(), false);
  }
  check_recordings();
  connect_nodes();
  connect_readers();
  wired_ = true;
}

void Graph::connect_nodes() {
  for (auto& [number, each] : places_) {
    each.runner->set_live(each.live);
    connect(each.runner->shared_inbox(), each.wires, each.runner->node().get(), each.join);
  }
}

void Graph::connect_readers() {
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    connect(readers_[i]->shared_inbox(), reader_wires_[i], nullptr, reader_joins_[i]);
    readers_[i]->resolve_verbs(why_lossless(reader_wires_[i]));
  }
}

std::vector<const Inbox*> Graph::inboxes() const {
  std::vector<const Inbox*> all;
  for (const auto& [number, each] : places_) all.push_back(&std::as_const(*each.runner).inbox());
  for (const auto& reader : readers_) all.push_back(&reader->inbox());
  return all;
}

int Graph::frame_bound() const {
  constexpr int kSlack = 4;  // a source's current frame, a decoder's delay, a frame on its way to Python
  std::int64_t bound = kSlack;
  for (const auto& node : runners()) {
    ++bound;
    if (const auto& batch = node->batch()) bound += batch->size - 1;
  }
  for (const auto* inbox : inboxes()) bound += inbox->frame_bound();
  return static_cast<int>(std::min<std::int64_t>(bound, std::numeric_limits<int>::max()));
}

std::vector<std::string> Graph::views_of(int node) const {
  const auto& name = runner(node).name();
  const auto& sources = sources_of_node(node);
  // Those of a merge are the same with one camera: another one may come.
  if (sources.size() < 2 && !place(node).merge) return {name};
  std::vector<std::string> views;
  for (const int source : sources) views.push_back(name + ".of('" + runner(source).stream_name() + "')");
  return views;
}

int Graph::only_source(const AnyPort& port) const {
  if (port.source < 0) return -1;
  if (!has(port.node) || !has(port.source))
    throw StateError("the node or the source of this port was removed");
  const auto& named = sources_of_node(port.source);
  const auto& there = sources_of_node(port.node);
  const auto& name = runner(port.source).name();
  // A node's own stream is the one that is of it. Those of the other sources are of them.
  const int only = runner(port.source).has_own_stream() ? port.source : named.front();
  if (named.size() != 1 && only != port.source) {
    throw GraphError("of() limits a port to the samples of one source, but those of '" + name +
                     "' come from " + std::to_string(named.size()));
  }
  if (!std::binary_search(there.begin(), there.end(), only)) {
    throw GraphError("no samples of '" + name + "' come out of '" + runner(port.node).name() +
                     "': of() needs a source of its samples");
  }
  return only;
}

Graph::Sources Graph::sources_of(const AnyPort& port) const {
  const int only = only_source(port);
  if (only >= 0) return {only};
  return has(port.node) ? sources_of_node(port.node) : Sources{};
}

Graph::Sources Graph::sources_on(const Wire& wire) const {
  if (!has(wire.parent)) return {};
  const auto& sources = sources_of_node(wire.parent);
  if (wire.source < 0) return sources;
  return std::ranges::binary_search(sources, wire.source) ? Sources{wire.source} : Sources{};
}

Graph::Sources Graph::sources_of(std::span<const AnyPort> ports) const {
  std::set<int> all;
  for (const auto& port : ports) {
    const auto sources = sources_of(port);
    all.insert(sources.begin(), sources.end());
  }
  return {all.begin(), all.end()};
}

std::uint64_t Graph::delivered() const {
  std::uint64_t sum = 0;
  for (const auto* inbox : inboxes()) sum += inbox->delivered();
  return sum;
}

// A reader, or a node that does not wait for another full edge itself: the edges before it are full because of it.
std::optional<std::string> Graph::full_edge() const {
  for (const auto& reader : readers_) {
    if (reader->inbox().full_blocking_parent()) return "reader '" + reader->name() + "' is not read";
  }
  std::optional<std::string> full;
  for (const auto& [number, each] : places_) {
    const auto& node = *each.runner;
    const auto parent = node.inbox().full_blocking_parent();
    if (!parent || (full && node.blocked())) continue;
    full = "'" + node.name() + "' takes no samples from '" + *parent + "'";
    if (!node.blocked()) break;
  }
  return full;
}

std::optional<std::string> Graph::forgotten_merge() const {
  const Runner* forgotten = nullptr;
  bool had_source = false;
  for (const auto& [number, each] : places_) {
    if (each.runner->is_source() && !each.runner->finished()) return std::nullopt;
    had_source = had_source || each.runner->is_source();
    const bool is_waiting = each.open && each.wires.empty() && each.reached.empty();
    if (is_waiting && each.runner->removal() == nullptr) forgotten = each.runner.get();
  }
  if (forgotten == nullptr || !had_source) return std::nullopt;
  return "all sources have ended, and '" + forgotten->name() +
         "' waits for its first parent: it was added with an empty list. connect() a port to it or remove() it. "
         "With Pipeline(keep_running=True) it may wait for cameras that come later";
}

void Graph::find_ancestors(int node, std::set<int>& found) const {
  if (!has(node) || !found.insert(node).second) return;
  for (const auto& wire : wires_of(node)) find_ancestors(wire.parent, found);
}

std::set<int> Graph::ancestors_of(const ReaderCore& reader) const {
  std::set<int> nodes;
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    if (readers_[i].get() != &reader) continue;
    Sources given;
    for (const auto& wire : reader_wires_[i]) {
      if (!has(wire.parent)) continue;
      find_ancestors(wire.parent, nodes);
      const auto sources = sources_on(wire);
      given.insert(given.end(), sources.begin(), sources.end());
    }
    std::erase_if(nodes, [&](int node) {  // sources that its ports leave out
      return runner(node).is_source() && std::find(given.begin(), given.end(), node) == given.end();
    });
  }
  return nodes;
}

std::optional<std::int64_t> Graph::total() const {
  std::int64_t sum = 0;
  for (const auto& [number, each] : places_) {
    const auto source = each.runner->source();
    if (source == nullptr) continue;
    const auto total = source->total();
    if (!total) return std::nullopt;
    sum += *total;
  }
  return sum;
}

}  // namespace freshframe::core
