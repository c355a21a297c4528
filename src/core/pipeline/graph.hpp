// The nodes and readers of one pipeline and their wiring. An invalid graph is refused before a thread runs.
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

#include "core/pipeline/reader.hpp"
#include "core/pipeline/runner/runner.hpp"

namespace freshframe::core {

/// Not thread-safe. Nodes and edges come and go after wire(), too. The number of a node is never used again, and
/// nothing is kept for it once the node has gone. A node that was added later may be a parent of an earlier one.
class Graph {
 public:
  struct Wire {
    int parent;
    std::optional<Queue> queue;
    std::optional<double> max_age;
    int source = -1;  // the only one whose samples pass in; -1: all do
    // The size of the consumer's batch, at least the depth of a queue that loses nothing. Of a join: at least the
    // depth below live sources.
    int depth = 0;
    bool joined = false;
    std::optional<double> max_rate = {};
    EdgeRef edge = {};  // once connected
  };
  using Sources = std::vector<int>;  // numbers of source nodes, in rising order
  using Wires = std::vector<Wire>;

  // ---- building
  /// The name of a node that may be added. Throws for an invalid node, parent or option.
  std::string admit(const NodeBase* node, std::span<const AnyPort> parents, const AddOptions& options);
  /// Does the same for a reader.
  std::string admit_reader(std::span<const AnyPort> parents, const ReaderOptions& options);
  /// A node that was admitted; returns its number.
  int add(std::shared_ptr<Runner> runner, std::span<const AnyPort> parents, const AddOptions& options);
  void add_reader(std::shared_ptr<ReaderCore> reader, std::span<const AnyPort> parents,
                  const ReaderOptions& options);
  /// Chooses the queues and connects all nodes. Throws GraphError before the first connection. `may_be_empty`: a
  /// graph without nodes can run.
  void wire(bool may_be_empty);
  [[nodiscard]] bool wired() const noexcept { return wired_; }

  // ---- while it runs
  /// Whether the parents of a node that is about to be connected are all there.
  [[nodiscard]] bool has_parents(int index) const;
  /// Connects a node, or a reader, that was added after wire(). Throws GraphError.
  void connect_late(int index);
  void connect_late(const ReaderCore& reader);
  /// One more edge into a merge. Throws GraphError when it is not possible, before any change.
  void connect(const AnyPort& parent, int child, const ConnectOptions& options);
  /// Takes the edge away and returns its last counts. Throws GraphError when there is none.
  EdgeStats disconnect(const AnyPort& parent, int child);
  /// Whether `next` may take the place of this runner's node. Throws GraphError.
  void check_successor(const Runner& runner, const NodeBase& next) const;
  /// A node and all nodes that no source reaches without it, in the order of their numbers.
  [[nodiscard]] std::vector<int> with_all_below(int index) const;
  /// Takes away the edges between these nodes and the others. `drains`: waiting samples in the others stay.
  /// Returns the last counts of the edges that went.
  std::vector<EdgeStats> cut(const std::vector<int>& nodes, bool drains);
  /// Readers of these nodes keep what waits and get nothing more: a producer that waits there goes on.
  void close_reader_edges(const std::vector<int>& nodes);
  /// Forgets a node that has closed, and its edges, whose last counts it returns.
  std::vector<EdgeStats> forget(int index);
  std::vector<EdgeStats> forget(const ReaderCore& reader);
  /// Takes away the edges of nodes that have gone whose waiting samples have been processed meanwhile.
  std::vector<EdgeStats> sweep();
  /// A node has been told that nothing more comes of a source, but may give results of it until the source is
  /// removed: its outputs then get the end. False: it is being removed.
  bool keep_end(int node, const GoneSource& gone);
  /// Throws GraphError when a recorder's file is read by a source or written by another recorder.
  void check_recordings() const;

  // ---- the parts
  /// The number of the next node.
  [[nodiscard]] int size() const noexcept { return next_; }
  [[nodiscard]] bool has(int index) const { return places_.contains(index); }
  /// The node must be there.
  [[nodiscard]] Runner& runner(int index) const { return *place(index).runner; }
  [[nodiscard]] std::shared_ptr<Runner> shared_runner(int index) const {
    const auto found = places_.find(index);
    return found != places_.end() ? found->second.runner : nullptr;
  }
  /// Those that are there, in the order of their numbers.
  [[nodiscard]] std::vector<std::shared_ptr<Runner>> runners() const;
  [[nodiscard]] const std::vector<std::shared_ptr<ReaderCore>>& readers() const noexcept { return readers_; }
  [[nodiscard]] const Wires& wires_of(int index) const { return place(index).wires; }
  [[nodiscard]] const Wires& wires_of_reader(std::size_t index) const { return reader_wires_.at(index); }
  /// Whether a live source feeds the node. Once wired.
  [[nodiscard]] bool is_live(int index) const { return place(index).live; }
  [[nodiscard]] std::vector<const Inbox*> inboxes() const;
  /// The sources whose samples come out of a port. Throws GraphError when its only source is not one of them.
  [[nodiscard]] Sources sources_of(const AnyPort& port) const;
  /// Throws GraphError, and names Port::of(), when samples of several sources come out of `parents`.
  void check_one_source(const std::string& who, std::span<const AnyPort> parents) const;
  /// The names of a node's ports whose pictures can be viewed: its own, or one for each of its sources.
  [[nodiscard]] std::vector<std::string> views_of(int node) const;
  /// The sources whose samples the node sends, in ascending order.
  [[nodiscard]] const Sources& sources_of_node(int node) const { return *place(node).sources; }
  /// The number of the source that a port is limited to; -1: it is not. Throws as sources_of().
  [[nodiscard]] int only_source(const AnyPort& port) const;

  // ---- questions about the whole, once wired
  /// The frames that its edges and nodes can use at once.
  [[nodiscard]] int frame_bound() const;
  /// Samples that edges have delivered.
  [[nodiscard]] std::uint64_t delivered() const;
  /// A join below files whose parents wait for each other, and what to do, as text.
  [[nodiscard]] std::optional<std::string> starved_join() const;
  /// A merge that has never had a parent, while all sources have ended, as text.
  [[nodiscard]] std::optional<std::string> forgotten_merge() const;
  /// A full edge that blocks its producer, as text.
  [[nodiscard]] std::optional<std::string> full_edge() const;
  /// The nodes that a reader's samples come through.
  [[nodiscard]] std::set<int> ancestors_of(const ReaderCore& reader) const;
  /// Total number of samples, if every source knows its own.
  [[nodiscard]] std::optional<std::int64_t> total() const;

 private:
  struct Place {  // of a node that is there
    std::shared_ptr<Runner> runner;
    Wires wires;
    std::optional<JoinRules> join;
    bool merge = false;  // it was added with a list of parents
    bool open = false;   // with an empty one
    bool live = false;
    std::shared_ptr<const Sources> sources;
    // The change that began the stream of each source there last; none: start() did. Its end of that source holds
    // up to this change.
    std::map<int, Change> reached;
    std::map<int, Change> kept_ends;  // see keep_end()
  };
  [[nodiscard]] Place& place(int index) { return places_.at(index); }
  [[nodiscard]] const Place& place(int index) const { return places_.at(index); }

  /// The recorder of the file that a source would read; empty: there is none.
  [[nodiscard]] std::string writer_of(const std::optional<std::string>& path) const;
  std::string take_name(const std::string& wanted, const std::string& fallback);
  void check_parents(const NodeBase* node, const std::string& name, std::span<const AnyPort> parents) const;
  void check_distinct(const std::string& name, std::span<const AnyPort> parents) const;
  void check_queue(const std::string& name, std::span<const AnyPort> parents,
                   const std::optional<Queue>& queue, bool recorder) const;
  [[nodiscard]] Queue resolve_queue(const Wire& wire, const std::string& consumer, bool recorder) const;
  void find_live();
  void check_batch(const NodeBase& node, const std::string& name, const AddOptions& options) const;
  void check_stream(const NodeBase& node, const std::string& name, const AddOptions& options) const;
  /// Throws GraphError when the node takes no sets, or takes nothing else and has no join.
  void check_set_node(const NodeBase& node, const std::string& name, std::span<const AnyPort> parents,
                      const AddOptions& options) const;
  /// Throws GraphError for a join that these parents cannot have.
  [[nodiscard]] JoinRules resolve_join(const std::string& name, std::span<const AnyPort> parents,
                                       const Join& join, const std::optional<Queue>& queue) const;
  /// Before find_live().
  [[nodiscard]] bool comes_from_live(int node) const;
  [[nodiscard]] Sources sources_of(std::span<const AnyPort> ports) const;
  /// Those whose samples come on an edge now; none once its parent or only source was removed.
  [[nodiscard]] Sources sources_on(const Wire& wire) const;
  /// Whether the wire's parent, or only source, was removed or is being removed.
  [[nodiscard]] bool is_leaving(const Wire& wire) const;
  /// The sources that are not live.
  [[nodiscard]] Sources files_of(const Sources& sources) const;
  /// `node`: nullptr for a reader.
  void connect(const std::shared_ptr<Inbox>& inbox, Wires& wires, const NodeBase* node,
               const std::optional<JoinRules>& join);
  /// An edge at its consumer, and its beginning at the parent.
  EdgeRef make_edge(const std::shared_ptr<Inbox>& inbox, const Wire& wire, const NodeBase* node);
  void open_edge(const std::shared_ptr<Inbox>& inbox, const Wire& wire, const NodeBase* node);
  void connect_nodes();
  void connect_readers();
  /// The reason why a reader behind these wires cannot have latest(); empty: it can.
  [[nodiscard]] std::string why_lossless(const Wires& wires) const;
  void find_ancestors(int node, std::set<int>& found) const;
  void check_connection(const AnyPort& parent, int child) const;
  /// A node or reader that takes the samples of one source and gets those of several; empty: there is none.
  [[nodiscard]] std::string takes_one_source() const;
  /// The streams of these sources begin at the outputs of a node: on all edges below, the deepest first.
  void begin_below(int node, const Sources& sources, Change change);
  /// A source is being forgotten.
  void pass_kept_ends(int source);
  void find_sources();
  void find_sources(int node, std::set<int>& known);
  void find_live(int node, std::set<int>& known);
  /// Takes one edge away. `inbox`: of its consumer.
  EdgeStats take_away(Wire& wire, Inbox& inbox);
  void end_edge(const Wire& wire, Inbox& inbox);
  void keep_merge_open(const Place& merge) const;
  [[nodiscard]] Change reached(int node, int source) const;

  std::map<int, Place> places_;  // by number
  int next_ = 0;                 // the number of the next node
  bool wired_ = false;
  Change change_ = 0;
  struct Drained {
    int parent;
    std::shared_ptr<Inbox> inbox;
    EdgeRef edge;
  };
  std::vector<Drained> drained_;
  std::int64_t edges_ = 0;  // the number of the next edge
  std::vector<std::shared_ptr<ReaderCore>> readers_;
  std::vector<Wires> reader_wires_;
  std::vector<std::optional<JoinRules>> reader_joins_;
  std::set<std::string> names_;
  std::map<std::string, int> numbered_;  // how often a default name was used
};

/// Throws OptionError, or GraphError for a rate on a join's edges.
void check_edge(const std::string& name, const std::optional<double>& max_age,
                const std::optional<double>& max_rate, bool joins);

}  // namespace freshframe::core
