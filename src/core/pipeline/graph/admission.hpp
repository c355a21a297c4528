// Validates a graph: rejects an invalid node, reader or edge before any thread runs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/pipeline.hpp"

#include <optional>
#include <span>
#include <string>

#include "core/pipeline/graph/graph.hpp"

namespace freshframe::core {

/// Checks a graph, or what is about to be added to it. Each check throws GraphError, StateError or
/// OptionError. The message states the requirement, the actual value and the fix.
class Admission {
 public:
  explicit Admission(const Graph& graph) : graph_(graph) {}

  /// Calls the node's set_input() with the first known output type of its parents, or with null.
  void choose_input(NodeBase& node, std::span<const AnyPort> parents) const;
  /// Checks a node that is about to be added.
  void check_node(const NodeBase& node, std::span<const AnyPort> parents, const AddOptions& options) const;
  void check_reader(std::span<const AnyPort> parents, const ReaderOptions& options) const;
  /// Checks an additional edge into a merge.
  void check_connection(int child, const AnyPort& parent, const ConnectOptions& options) const;
  /// Checks whether `next` may replace this runner's node.
  void check_successor(const Runner& runner, const NodeBase& next) const;
  /// Rejects a recorder whose file a source reads or another recorder writes.
  void check_recordings() const;
  /// Rejects parents that send samples of several sources; the error suggests Port::of().
  void check_one_source(const std::string& who, std::span<const AnyPort> parents) const;
  /// Returns the end of an error message: how to choose only the samples that a parent produces itself,
  /// without those of other sources. Returns "" if no parent produces any.
  [[nodiscard]] std::string advise_own_samples(std::span<const int> sources,
                                               std::span<const AnyPort> parents) const;
  /// Fills in the options that the join leaves open, depending on the parents. Rejects invalid joins.
  [[nodiscard]] JoinRules resolve_join(const std::string& name, std::span<const AnyPort> parents,
                                       const Join& join, const std::optional<Queue>& queue) const;

 private:
  void check_parents(const NodeBase* node, const std::string& name, std::span<const AnyPort> parents) const;
  void check_distinct(const std::string& name, std::span<const AnyPort> parents) const;
  void check_queue(const std::string& name, std::span<const AnyPort> parents,
                   const std::optional<Queue>& queue, bool recorder) const;
  static void check_edge(const std::string& name, const EdgeOptions& edge, bool joins);
  /// Rejects options that would drop packets that later packets depend on.
  void check_packets(const std::string& name, std::span<const AnyPort> parents, const EdgeOptions& edge,
                     bool joins) const;
  void check_batch(const NodeBase& node, const std::string& name, const AddOptions& options) const;
  void check_stream(const NodeBase& node, const std::string& name, const AddOptions& options) const;
  /// Rejects a companion (AddOptions::companion_of) of a node that is not a source.
  void check_companion(const NodeBase& node, const std::string& name, const AddOptions& options) const;
  /// Rejects a join into a node that does not take sets, and a node that takes only sets but has no join.
  void check_set_node(const NodeBase& node, const std::string& name, std::span<const AnyPort> parents,
                      const AddOptions& options) const;
  /// Checks the replacement of a Python node, whose types may be undeclared, by a native one: the types of
  /// the neighbours decide.
  void check_types(const Runner& runner, const NodeBase& next, std::span<const AnyPort> parents) const;
  /// Returns the name of the recorder that writes the file, or an empty string.
  [[nodiscard]] std::string find_writer(const std::optional<std::string>& path) const;

  const Graph& graph_;
};

}  // namespace freshframe::core
