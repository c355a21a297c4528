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

#include "core/edge/reader.hpp"
#include "core/pipeline/runner.hpp"

namespace freshframe::core {

/// Not thread-safe; fixed once wire() has returned. Parents have lower numbers than their children.
class Graph {
 public:
  struct Wire {
    int parent;
    std::optional<Queue> queue;
    std::optional<double> max_age;
    int source = -1;  // the only one whose samples pass in; -1: all do
    int depth = 0;    // the size of the consumer's batch, at least the depth of a queue that loses nothing
    bool joined = false;
    std::optional<double> max_rate = {};
  };
  using Sources = std::vector<int>;  // numbers of source nodes, in rising order
  using Wires = std::vector<Wire>;

  // ---- building
  /// The name of a node that may be added. Throws for an invalid node, parent or option.
  std::string admit(const NodeBase* node, std::span<const AnyPort> parents, const AddOptions& options);
  /// The same for a reader.
  std::string admit_reader(std::span<const AnyPort> parents, const ReaderOptions& options);
  /// A node that was admitted; returns its number.
  int add(std::unique_ptr<Runner> runner, std::span<const AnyPort> parents, const AddOptions& options);
  void add_reader(std::shared_ptr<ReaderCore> reader, std::span<const AnyPort> parents,
                  const ReaderOptions& options);
  /// Chooses the queues and connects all nodes. Throws GraphError before the first connection.
  void wire();

  // ---- the parts
  [[nodiscard]] int size() const noexcept { return static_cast<int>(runners_.size()); }
  [[nodiscard]] Runner& runner(int index) { return *runners_.at(static_cast<std::size_t>(index)); }
  [[nodiscard]] const Runner& runner(int index) const {
    return *runners_.at(static_cast<std::size_t>(index));
  }
  [[nodiscard]] const std::vector<std::unique_ptr<Runner>>& runners() const noexcept { return runners_; }
  [[nodiscard]] const std::vector<std::shared_ptr<ReaderCore>>& readers() const noexcept { return readers_; }
  [[nodiscard]] const Wires& wires_of(int index) const { return wires_.at(static_cast<std::size_t>(index)); }
  [[nodiscard]] const Wires& wires_of_reader(std::size_t index) const { return reader_wires_.at(index); }
  /// Whether a live source feeds the node. Once wired.
  [[nodiscard]] bool is_live(int index) const { return live_.at(static_cast<std::size_t>(index)); }
  [[nodiscard]] std::vector<const Inbox*> inboxes() const;
  /// The sources whose samples come out of a port. Throws GraphError when its only source is not one of them.
  [[nodiscard]] Sources sources_of(const AnyPort& port) const;
  /// Throws GraphError, and names Port::of(), when samples of several sources come out of `parents`.
  void check_one_source(const std::string& who, std::span<const AnyPort> parents) const;
  /// The names of a node's ports whose pictures can be viewed: its own, or one for each of its sources.
  [[nodiscard]] std::vector<std::string> views_of(int node) const;
  /// The number of the source that a port is limited to; -1: it is not. Throws as sources_of().
  [[nodiscard]] int only_source(const AnyPort& port) const;

  // ---- questions about the whole, once wired
  /// The frames that its edges and nodes can use at once.
  [[nodiscard]] int frame_bound() const;
  /// The possible holders of loans, by the number that holder_of() returns.
  [[nodiscard]] std::vector<std::string> holders() const;
  /// Number of a node or, after all nodes, a reader among the holders of loans.
  [[nodiscard]] static std::uint16_t holder_of(std::size_t consumer);
  /// Samples that edges have delivered.
  [[nodiscard]] std::uint64_t delivered() const;
  /// A join below files whose parents wait for each other, and what to do, as text.
  [[nodiscard]] std::optional<std::string> starved_join() const;
  /// A full edge that blocks its producer, as text.
  [[nodiscard]] std::optional<std::string> full_edge() const;
  /// The nodes that a reader's samples come through.
  [[nodiscard]] std::set<int> ancestors_of(const ReaderCore& reader) const;
  /// Total number of samples, if every source knows its own.
  [[nodiscard]] std::optional<std::int64_t> total() const;

 private:
  std::string take_name(const std::string& wanted, const std::string& fallback);
  void check_parents(const NodeBase* node, const std::string& name, std::span<const AnyPort> parents) const;
  void check_distinct(const std::string& name, std::span<const AnyPort> parents) const;
  void check_queue(const std::string& name, std::span<const AnyPort> parents,
                   const std::optional<Queue>& queue, bool recorder) const;
  static void check_rate(const std::string& name, const std::optional<double>& max_rate, bool joins);
  /// Throws GraphError when a recorder's file is read by a source or written by another recorder.
  void check_recordings() const;
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
  /// The sources that are not live.
  [[nodiscard]] Sources files_of(const Sources& sources) const;
  /// `node`: nullptr for a reader.
  void connect(Inbox& inbox, const Wires& wires, const NodeBase* node);
  void connect_nodes();
  void connect_readers();
  /// The reason why a reader behind these wires cannot have latest(); empty: it can.
  [[nodiscard]] std::string why_lossless(const Wires& wires) const;
  void find_ancestors(int node, std::set<int>& found) const;

  std::vector<std::unique_ptr<Runner>> runners_;
  std::vector<Wires> wires_;                     // of each runner
  std::vector<std::optional<JoinRules>> joins_;  // of each runner
  std::vector<std::shared_ptr<ReaderCore>> readers_;
  std::vector<Wires> reader_wires_;
  std::vector<std::optional<JoinRules>> reader_joins_;
  std::vector<bool> live_;
  std::vector<std::shared_ptr<const Sources>> sources_;  // of each runner
  std::set<std::string> names_;
  std::map<std::string, int> numbered_;  // how often a default name was used
};

}  // namespace freshframe::core
