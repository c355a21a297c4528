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

/// An edge as requested: where its samples come from, and the options of its queue.
struct Wire {
  int parent;
  EdgeOptions options;
  int source = -1;  // the only source whose samples pass; -1: all pass
  // The minimum depth of a queue that loses nothing: the consumer's batch size or, for a join downstream of
  // live sources, the depth that it needs.
  int depth = 0;
  bool joined = false;
  EdgeRef edge = {};  // null until connected

  /// Returns true if the wire is removed with these nodes, because they include its parent or its only
  /// source.
  [[nodiscard]] bool goes_with(const std::set<int>& going) const {
    return going.contains(parent) || (source >= 0 && going.contains(source));
  }
};
using Wires = std::vector<Wire>;
using Sources = std::vector<int>;  // numbers of source nodes, ascending

/// The names of a pipeline's nodes, streams and readers, which share one namespace.
class NameSpace {
 public:
  /// Returns the wanted name or, if that is empty, a free name that starts with `fallback`. Throws
  /// GraphError.
  std::string take(const std::string& wanted, const std::string& fallback);
  [[nodiscard]] bool has(const std::string& name) const { return names_.contains(name); }
  void release(const std::string& name) { names_.erase(name); }

 private:
  std::set<std::string> names_;
  std::map<std::string, int> numbered_;  // how often each default name was used
};

/// The readers of a pipeline, with their wires.
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
  /// Closes readers' edges from these nodes. Queued samples can still be read; waiting producers continue.
  void close_edges(const std::vector<int>& nodes) const;

 private:
  std::vector<Entry> entries_;
};

/// Not thread-safe. Nodes and edges may still be added and removed after wire(). Node numbers are never
/// reused, and nothing is kept for a removed node. A node's parent may have a greater number, through
/// connect(). Admission rejects invalid graphs, and graph_facts.hpp answers questions about them.
class Graph {
 public:
  /// A node in the graph.
  struct Place {
    std::shared_ptr<Runner> runner;
    Wires wires;
    std::optional<JoinRules> join;
    bool merge = false;     // whether the node was added with a list of parents
    bool open = false;      // whether that list was empty
    bool live = false;      // whether the node is downstream of a live source; valid after wire()
    int companion_of = -1;  // AddOptions::companion_of
    std::shared_ptr<const Sources> sources;
    // For each source, the change that last started its stream at this node; missing means start(). The end
    // of the source applies to the streams started up to this change.
    std::map<int, Change> reached;
    std::map<int, Change> kept_ends;  // see keep_end()

    /// Returns true if results get the stamps of samples from this wire. Sets get the stamps of the join's
    /// reference.
    [[nodiscard]] bool passes_on(const Wire& wire) const { return !join || &wire == &wires.front(); }
  };

  // ---- building

  /// Returns the name for a node to be added. Throws for an invalid node, parent or option.
  std::string admit(NodeBase* node, std::span<const AnyPort> parents, const AddOptions& options);
  /// Like admit(), for a reader.
  std::string admit_reader(std::span<const AnyPort> parents, const ReaderOptions& options);
  /// Adds a node that was admitted. Returns its number.
  int add(std::shared_ptr<Runner> runner, std::span<const AnyPort> parents, const AddOptions& options);
  /// Removes a node and frees its names. It must have no edges and nothing downstream.
  void take_back(int index);
  void add_reader(std::shared_ptr<ReaderCore> reader, std::span<const AnyPort> parents,
                  const ReaderOptions& options);
  /// Chooses the queues and connects all nodes. Throws GraphError before the first connection. With
  /// `keeps_running`, the graph may be empty, and its merges stay open after their last source.
  void wire(bool keeps_running);
  [[nodiscard]] bool is_wired() const noexcept { return wired_; }

  // ---- while it runs

  /// Connects a node or reader that was added after wire(). Throws GraphError.
  void connect_late(int index);
  void connect_late(const ReaderCore& reader);
  /// Adds an edge into a merge. Throws GraphError if it is invalid, or StateError if the merge has ended, in
  /// both cases without changing anything.
  void connect(int child, const AnyPort& parent, const ConnectOptions& options);
  /// Removes the edge and returns its final counters. Throws GraphError if the edge does not exist.
  EdgeStats disconnect(int child, const AnyPort& parent);
  /// Removes the edges between these nodes and all others, and returns their final counters. With `drains`,
  /// samples queued at the other nodes are kept.
  std::vector<EdgeStats> cut(const std::vector<int>& nodes, bool drains);
  /// Removes a node that has closed, and its edges, whose final counters it returns. Edges to nodes that stay
  /// are removed by sweep().
  std::vector<EdgeStats> forget(int index);
  std::vector<EdgeStats> forget(const ReaderCore& reader);
  /// Ends the merges that have lost all of their parents and can get no more samples from any source. Called
  /// whenever a source has ended, or a merge may have lost its last parent.
  void end_orphans() const;
  /// Removes the drained edges of removed nodes and returns the edges' final counters. Also adds them to
  /// Removal::drained of the removal that each edge belongs to, if any.
  std::vector<EdgeStats> sweep();
  /// Returns the names of the nodes in which samples of these removals are still queued.
  [[nodiscard]] std::set<std::string> draining(const std::set<const Removal*>& removals) const;
  /// Defers the end of a source at a node that may still produce results of it: its outputs end when the
  /// source is removed. If the node itself is being removed, they end with the node, after its finish().
  /// Returns false if the source is being removed and the node stays.
  [[nodiscard]] bool keep_end(int node, const GoneSource& gone);

  // ---- the parts

  /// Returns the number that the next node will get.
  [[nodiscard]] int size() const noexcept { return next_; }
  [[nodiscard]] bool has(int index) const { return places_.contains(index); }
  [[nodiscard]] const std::map<int, Place>& places() const noexcept { return places_; }
  /// The node must exist.
  [[nodiscard]] const Place& place(int index) const { return places_.at(index); }
  [[nodiscard]] Runner& runner(int index) const { return *place(index).runner; }
  [[nodiscard]] std::shared_ptr<Runner> shared_runner(int index) const;
  /// Returns the runners, ordered by number.
  [[nodiscard]] std::vector<std::shared_ptr<Runner>> runners() const;
  [[nodiscard]] const Readers& readers() const noexcept { return readers_; }
  [[nodiscard]] const NameSpace& names() const noexcept { return names_; }
  [[nodiscard]] const Wires& list_wires(int index) const { return place(index).wires; }
  /// Returns true if the node is downstream of a live source. Valid after wire().
  [[nodiscard]] bool is_live(int index) const { return place(index).live; }
  /// Returns the sources whose samples the node sends, ascending.
  [[nodiscard]] const Sources& list_node_sources(int node) const { return *place(node).sources; }

 private:
  [[nodiscard]] Place& place(int index) { return places_.at(index); }
  void find_live();
  void find_live(int node, std::set<int>& known);
  void find_sources();
  void find_sources(int node, std::set<int>& known);
  /// `node` is null for a reader.
  void connect(const std::shared_ptr<Inbox>& inbox, Wires& wires, const NodeBase* node,
               const std::optional<JoinRules>& join);
  void connect(Readers::Entry& entry);
  /// Creates an edge at its consumer and adds it to the parent's outputs.
  EdgeRef make_edge(const std::shared_ptr<Inbox>& inbox, const Wire& wire, const NodeBase* node);
  void open_edge(const std::shared_ptr<Inbox>& inbox, const Wire& wire, const NodeBase* node) const;
  /// Keeps a merge with a new wire open until its edge is added. Removes the wire and throws StateError if
  /// the merge has already ended.
  void hold_open(Place& merge);
  /// Starts the streams of these sources on all edges downstream of a node, those farthest downstream first.
  void begin_below(int node, const Sources& sources, Change change);
  /// Called when a source leaves the graph: passes the source's end on at the nodes where keep_end() has
  /// deferred it.
  void pass_kept_ends(int source);

  std::map<int, Place> places_;  // by number
  int next_ = 0;                 // number of the next node
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
  std::int64_t edges_ = 0;  // number of the next edge
  Readers readers_;
  NameSpace names_;
};

}  // namespace freshframe::core
