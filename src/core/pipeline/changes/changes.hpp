// Changes to a pipeline, before the start and while it runs: adding, removing and replacing nodes, edges,
// readers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/pipeline.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/pipeline/parts/pipeline_parts.hpp"
#include "core/pipeline/runner/removal.hpp"
#include "core/pipeline/runner/successor.hpp"

namespace freshframe::core {

// All of these functions are thread-safe and throw GraphError, StateError and OptionError. See Note [Changes
// while it runs].

/// Takes ownership of the node only if it succeeds. While the pipeline runs, the node's thread starts opening
/// it (an embedder starts the threads of its own nodes), and finish_add() must follow. `made` receives the
/// runner as soon as it has the node.
int add_node(PipelineParts& core, std::unique_ptr<NodeBase>&& node, std::span<const AnyPort> parents,
             const AddOptions& options, std::shared_ptr<Runner>* made = nullptr);
/// Waits until the node has opened, then connects it. Does nothing before start(). Throws the failure of
/// open() or the exception of `hook`, and then leaves the graph as it was.
void finish_add(PipelineParts& core, int index, const WaitHook& hook = {});
/// Call instead of finish_add() if the node's thread could not be started. Before start() this removes the
/// node from the graph; nothing may be downstream of it.
void give_up_add(PipelineParts& core, int index);
/// Call instead of finish_add() while the node's thread runs, or after finish_add() to remove the node.
void abandon_add(PipelineParts& core, int index);
/// Returns the nodes with numbers >= `first` that this thread has added; while the pipeline runs, only those
/// whose add() has not returned.
[[nodiscard]] std::vector<int> added_from(const PipelineParts& core, int first);
/// Returns the number that the next node will get.
[[nodiscard]] int next_number(const PipelineParts& core);

std::shared_ptr<ReaderCore> add_reader(PipelineParts& core, std::span<const AnyPort> parents,
                                       const ReaderOptions& options);
void connect(PipelineParts& core, int child, const AnyPort& parent, const ConnectOptions& options);
void disconnect(PipelineParts& core, int child, const AnyPort& parent);
/// Sets max_wait of a node that takes batches, see Pipeline::set_max_wait().
void set_max_wait(PipelineParts& core, int index, double max_wait);

/// Removes the node and all nodes downstream that no other source reaches; see Pipeline::remove(). Returns
/// their final statistics. On a node's own thread it only requests the removal and returns nothing.
Stats remove_node(PipelineParts& core, int index, const RemoveOptions& options, const WaitHook& hook = {});
/// Removes the reader and its edges from the graph. Also works before the start and after the end.
void close_reader(ReaderCore& reader);
/// Removes a node with OnError::Remove. Called on its thread.
void remove_failed(PipelineParts& core, Runner& runner, std::string text);
/// Asks a node and those downstream of it to finish. Returns the nodes that an earlier removal has already
/// asked to finish.
std::vector<std::shared_ptr<Runner>> ask_to_end(PipelineParts& core, int index,
                                                const std::shared_ptr<Removal>& removal, bool drains);
/// Removes a closed node, which is part of a removal, from the graph.
void forget(PipelineParts& core, Runner& runner);

/// Starts to replace a running node, see Pipeline::replace(); finish_replace() must follow. Takes ownership
/// of the node only if the replacement is valid, and then also stores it in `kept`.
std::shared_ptr<Successor> begin_replace(PipelineParts& core, int index, std::unique_ptr<NodeBase>&& node,
                                         std::shared_ptr<NodeBase>* kept = nullptr);
/// Waits until the replacement is in place or certain to be. Throws the failure of open(), StopTimeoutError,
/// or the exception of `hook`; either the old or the new node then continues. Returns false if that is not
/// decided yet; the runner then closes the node that is left over.
bool finish_replace(PipelineParts& core, Successor& successor, Seconds timeout, const WaitHook& hook = {});
/// Returns true if the successor has replaced the node (or the old node will not be called again), false if
/// it never will, and nullopt if that is not decided yet.
[[nodiscard]] std::optional<bool> has_place(const PipelineParts& core, const Successor& successor);
/// Waits for the decision. Returns whether the successor gets the place.
[[nodiscard]] bool wait_placed(PipelineParts& core, const Successor& successor);
/// Throws GraphError or StateError unless the node is running and, if `next` is given, may be replaced by it.
void check_replaceable(const PipelineParts& core, int index, const NodeBase* next = nullptr);

}  // namespace freshframe::core
