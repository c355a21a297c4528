// The checks of a graph: an invalid node, reader or edge is refused before a thread runs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/pipeline.hpp"

#include <optional>
#include <span>
#include <string>

#include "core/pipeline/graph/graph.hpp"

namespace freshframe::core {

/// Reads a graph and says what it cannot have. Each check throws GraphError, StateError or OptionError with what was
/// wanted, what was found, and what to do.
class Admission {
 public:
  explicit Admission(const Graph& graph) : graph_(graph) {}

  /// Gives a node that takes several types the type that its parents give, or that this is not known.
  void choose_input(NodeBase& node, std::span<const AnyPort> parents) const;
  /// A node that is about to be added, with its parents and its options.
  void check_node(const NodeBase* node, std::span<const AnyPort> parents, const AddOptions& options) const;
  void check_reader(std::span<const AnyPort> parents, const ReaderOptions& options) const;
  /// One more edge into a merge.
  void check_connection(int child, const AnyPort& parent, const ConnectOptions& options) const;
  /// Whether `next` may take the place of this runner's node.
  void check_successor(const Runner& runner, const NodeBase& next) const;
  /// A recorder's file that a source reads, or that another recorder writes.
  void check_recordings() const;
  /// Names Port::of() when samples of several sources come out of `parents`.
  void check_one_source(const std::string& who, std::span<const AnyPort> parents) const;
  /// Chooses by the parents what the options of the join leave open. Refuses a join that they cannot have.
  [[nodiscard]] JoinRules resolve_join(const std::string& name, std::span<const AnyPort> parents,
                                       const Join& join, const std::optional<Queue>& queue) const;

 private:
  void check_parents(const NodeBase* node, const std::string& name, std::span<const AnyPort> parents) const;
  void check_distinct(const std::string& name, std::span<const AnyPort> parents) const;
  void check_queue(const std::string& name, std::span<const AnyPort> parents,
                   const std::optional<Queue>& queue, bool recorder) const;
  /// The wishes for an edge.
  struct EdgeWish {
    const std::optional<Queue>& queue;
    std::optional<double> max_age;
    std::optional<double> max_rate;
    bool joins;
  };
  /// Refuses whatever would drop a packet before others that refer to it.
  void check_packets(const std::string& name, std::span<const AnyPort> parents, const EdgeWish& wish) const;
  void check_batch(const NodeBase& node, const std::string& name, const AddOptions& options) const;
  void check_stream(const NodeBase& node, const std::string& name, const AddOptions& options) const;
  /// Refuses a second output of what is no source.
  void check_companion(const NodeBase& node, const std::string& name, const AddOptions& options) const;
  /// Refuses a node that takes no sets, or takes nothing else and has no join.
  void check_set_node(const NodeBase& node, const std::string& name, std::span<const AnyPort> parents,
                      const AddOptions& options) const;
  /// Where one of the two is in Python and may not say what it takes or gives: the nodes above and below do.
  void check_types(const Runner& runner, const NodeBase& next, std::span<const AnyPort> parents) const;
  /// The recorder of the file that a source would read; empty means no recorder.
  [[nodiscard]] std::string find_writer(const std::optional<std::string>& path) const;

  const Graph& graph_;
};

}  // namespace freshframe::core
