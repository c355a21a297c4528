// The nodes and readers of one pipeline and their wiring.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/pipeline.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/pipeline/graph/reader.hpp"
#include "core/pipeline/runner/runner.hpp"

namespace freshframe::core {

/// An edge as it was asked for: where its samples come from, and what its queue is to do.
struct Wire {
  int parent;
  std::optional<Queue> queue;
  std::optional<double> max_age;
  int source = -1;  // the only one whose samples pass; -1 if all do
  // The size of the consumer's batch, at least the depth of a queue that loses nothing. For a join at least the depth
  // below live sources.
  int depth = 0;
  bool joined = false;
  std::optional<double> max_rate = {};
  EdgeRef edge = {};  // once connected

  /// Whether the wire goes with these nodes: its parent, or the only source whose samples pass there.
  [[nodiscard]] bool goes_with(const std::set<int>& going) const {
    return going.contains(parent) || (source >= 0 && going.contains(source));
  }
};
using Wires = std::vector<Wire>;
using Sources = std::vector<int>;  // numbers of source nodes, in rising order

/// The names of a pipeline's nodes, streams and readers, which share one name space.
class NameSpace {
 public:
  /// The wanted name, or a free name that begins with `fallback` if no name is wanted. Throws GraphError.
  std::string take(const std::string& wanted, const std::string& fallback);
  [[nodiscard]] bool has(const std::string& name) const { return names_.contains(name); }
  void release(const std::string& name) { names_.erase(name); }

 private:
  std::set<std::string> names_;
  std::map<std::string, int> numbered_;  // how often a default name was used
};

/// The readers of a pipeline, each with the wires that lead to it.
class Readers {
 public:
  struct Entry {
    std::shared_ptr<ReaderCore> reader;
    Wires wires;
    std::optional<JoinRules> join;
  };

  void add(Entry entry) { entries_.push_back(std::move(entry)); }
  /// Returns null if the reader is not, or no longer, in the graph.
  [[nodiscard]] const Entry* find(const ReaderCore& reader) const;
  [[nodiscard]] Entry* find(const ReaderCore& reader);
  void erase(const ReaderCore& reader);
  [[nodiscard]] std::vector<Entry>& all() noexcept { return entries_; }
  [[nodiscard]] const std::vector<Entry>& all() const noexcept { return entries_; }
  /// Readers of these nodes keep what waits and get nothing more: a producer that waits there goes on.
  void close_edges(const std::vector<int>& nodes) const;

 private:
  std::vector<Entry> entries_;
};

/// Not thread-safe. Nodes and edges come and go after wire(), too. The number of a node is never used again, and
/// nothing is kept for it once the node has gone. A node that was added later may be a parent of an earlier one.
/// Admission refuses what a graph cannot have, and graph_facts.hpp answers what it is.
class Graph {
 public:
  /// A node that is there.
  struct Place {
    std::shared_ptr<Runner> runner;
    Wires wires;
    std::optional<JoinRules> join;
    bool merge = false;     // it was added with a list of parents
    bool open = false;      // with an empty one
    bool live = false;      // a live source feeds it; once wired
    int companion_of = -1;  // AddOptions::companion_of
    std::shared_ptr<const Sources> sources;
    // The change that began the stream of each source there last; an absent source means start() did. An end of that
    // source holds up to this change.
    std::map<int, Change> reached;
    std::map<int, Change> kept_ends;  // see keep_end()

    /// Whether results have the stamps of samples that come there. Sets of a join have the stamps of its reference.
    [[nodiscard]] bool passes_on(const Wire& wire) const { return !join || &wire == &wires.front(); }
  };

  // ---- building
  /// The name of a node that may be added. Throws for an invalid node, parent or option.
  std::string admit(NodeBase* node, std::span<const AnyPort> parents, const AddOptions& options);
  /// Does the same for a reader.
  std::string admit_reader(std::span<const AnyPort> parents, const ReaderOptions& options);
  /// A node that was admitted; returns its number.
  int add(std::shared_ptr<Runner> runner, std::span<const AnyPort> parents, const AddOptions& options);
  /// Takes a node out, with its names. It must have no edges, and nothing below it.
  void take_back(int index);
  void add_reader(std::shared_ptr<ReaderCore> reader, std::span<const AnyPort> parents,
                  const ReaderOptions& options);
  /// Chooses the queues and connects all nodes. Throws GraphError before the first connection. `keeps_running`: the
  /// graph may be without nodes, and its merges outlast its last source.
  void wire(bool keeps_running);
  [[nodiscard]] bool is_wired() const noexcept { return wired_; }

  // ---- while it runs
  /// Connects a node, or a reader, that was added after wire(). Throws GraphError.
  void connect_late(int index);
  void connect_late(const ReaderCore& reader);
  /// One more edge into a merge. Throws GraphError when it is not possible, StateError when the merge has ended; both
  /// before any change.
  void connect(int child, const AnyPort& parent, const ConnectOptions& options);
  /// Takes the edge away and returns its last counts. Throws GraphError if no such edge exists.
  EdgeStats disconnect(int child, const AnyPort& parent);
  /// Takes away the edges between these nodes and the others. `drains`: waiting samples in the others stay.
  /// Returns the last counts of the edges that went.
  std::vector<EdgeStats> cut(const std::vector<int>& nodes, bool drains);
  /// Forgets a node that has closed, and its edges, whose last counts it returns. Those to nodes that stay go by
  /// sweep().
  std::vector<EdgeStats> forget(int index);
  std::vector<EdgeStats> forget(const ReaderCore& reader);
  /// Ends the merges that have lost all their parents, once no source is left whose samples could come to them. Called
  /// whenever a source has ended, or a merge may have lost its last parent.
  void end_orphans() const;
  /// Takes away the edges of nodes that have gone whose waiting samples have been processed meanwhile. Returns their
  /// last counts, which their removals get, too.
  std::vector<EdgeStats> sweep();
  /// The names of the nodes in which samples of these removals still wait.
  [[nodiscard]] std::set<std::string> draining(const std::set<const Removal*>& removals) const;
  /// A node knows that a source has ended, but may give results of it until the source is removed: its outputs then
  /// get the end. A node that is being removed, too, may give them in its finish(): its end is the end of all its
  /// streams. False means the source is being removed, and the node stays.
  [[nodiscard]] bool keep_end(int node, const GoneSource& gone);

  // ---- the parts
  /// The number of the next node.
  [[nodiscard]] int size() const noexcept { return next_; }
  [[nodiscard]] bool has(int index) const { return places_.contains(index); }
  [[nodiscard]] const std::map<int, Place>& places() const noexcept { return places_; }
  /// The node must be there.
  [[nodiscard]] const Place& place(int index) const { return places_.at(index); }
  [[nodiscard]] Runner& runner(int index) const { return *place(index).runner; }
  [[nodiscard]] std::shared_ptr<Runner> shared_runner(int index) const;
  /// Returns the runners in the graph, in the order of their numbers.
  [[nodiscard]] std::vector<std::shared_ptr<Runner>> runners() const;
  [[nodiscard]] const Readers& readers() const noexcept { return readers_; }
  [[nodiscard]] const NameSpace& names() const noexcept { return names_; }
  [[nodiscard]] const Wires& list_wires(int index) const { return place(index).wires; }
  /// Whether a live source feeds the node. Once wired.
  [[nodiscard]] bool is_live(int index) const { return place(index).live; }
  /// The sources whose samples the node sends, in ascending order.
  [[nodiscard]] const Sources& list_node_sources(int node) const { return *place(node).sources; }

 private:
  [[nodiscard]] Place& place(int index) { return places_.at(index); }
  void find_live();
  void find_live(int node, std::set<int>& known);
  void find_sources();
  void find_sources(int node, std::set<int>& known);
  /// `node`: nullptr for a reader.
  void connect(const std::shared_ptr<Inbox>& inbox, Wires& wires, const NodeBase* node,
               const std::optional<JoinRules>& join);
  void connect(Readers::Entry& entry);
  /// An edge at its consumer, and its beginning at the parent.
  EdgeRef make_edge(const std::shared_ptr<Inbox>& inbox, const Wire& wire, const NodeBase* node);
  void open_edge(const std::shared_ptr<Inbox>& inbox, const Wire& wire, const NodeBase* node) const;
  /// A merge that has got a wire does not end before its edge has come. Takes the wire away and throws StateError when
  /// it has ended.
  void hold_open(Place& merge);
  /// The streams of these sources begin at the outputs of a node: on all edges below, the deepest first.
  void begin_below(int node, const Sources& sources, Change change);
  /// A source is being forgotten.
  void pass_kept_ends(int source);

  std::map<int, Place> places_;  // by number
  int next_ = 0;                 // the number of the next node
  bool wired_ = false;
  bool keeps_running_ = false;
  Change change_ = 0;
  struct Drained {
    int parent;
    std::shared_ptr<Inbox> inbox;
    EdgeRef edge;
    std::shared_ptr<Removal> removal;
  };
  std::vector<Drained> drained_;
  std::int64_t edges_ = 0;  // the number of the next edge
  Readers readers_;
  NameSpace names_;
};

}  // namespace freshframe::core
