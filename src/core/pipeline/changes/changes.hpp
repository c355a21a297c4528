// Changes of a pipeline, before the start and while it runs: nodes, edges and readers come, go and are replaced.
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

// All: any thread. See Note [Changes while it runs]. They throw GraphError, StateError and OptionError.

/// Takes the node over only when it returns. While the pipeline runs, the node's thread begins to open it (an
/// embedder starts the threads of its nodes), and finish_add() must follow. `made` gets the runner as soon as it has
/// the node.
int add_node(PipelineParts& core, std::unique_ptr<NodeBase>&& node, std::span<const AnyPort> parents,
             const AddOptions& options, std::shared_ptr<Runner>* made = nullptr);
/// Waits until the node has opened, and connects it. Before start() it does nothing. Throws the failure of
/// open(), or the exception of `hook`: then the graph is as before.
void finish_add(PipelineParts& core, int index, const WaitHook& hook = {});
/// Is called instead of finish_add() if the node's thread could not be started. Before start() the node leaves the
/// graph, which must have nothing below it.
void give_up_add(PipelineParts& core, int index);
/// Is called instead of finish_add() while the node's thread runs; or after it: then the node is removed.
void abandon_add(PipelineParts& core, int index);
/// The nodes from number `first` on that this thread has added. Those alone whose add() has not ended, once the pipeline
/// runs.
[[nodiscard]] std::vector<int> added_from(const PipelineParts& core, int first);
/// The number of the next node.
[[nodiscard]] int next_number(const PipelineParts& core);

std::shared_ptr<ReaderCore> add_reader(PipelineParts& core, std::span<const AnyPort> parents,
                                       const ReaderOptions& options);
void connect(PipelineParts& core, int child, const AnyPort& parent, const ConnectOptions& options);
void disconnect(PipelineParts& core, int child, const AnyPort& parent);
/// Sets the wait of a node with a batch, see Pipeline::set_max_wait().
void set_max_wait(PipelineParts& core, int index, double max_wait);

/// Ends the node and all nodes below it that no source reaches without it; see Pipeline::remove(). Returns
/// their last statistics. On a node's own thread it only asks, and returns nothing.
Stats remove_node(PipelineParts& core, int index, const RemoveOptions& options, const WaitHook& hook = {});
/// The reader and its edges leave the graph, before the start and after the end, too.
void close_reader(ReaderCore& reader);
/// Removes a node with OnError::Remove, on its thread.
void remove_failed(PipelineParts& core, Runner& runner, std::string text);
/// Asks a node and those below it to end. Returns the nodes that another removal has asked before.
std::vector<std::shared_ptr<Runner>> ask_to_end(PipelineParts& core, int index,
                                                const std::shared_ptr<Removal>& removal, bool drains);
/// A node that has closed and is being removed leaves the graph.
void forget(PipelineParts& core, Runner& runner);

/// Another node begins to take the place of a running one, see Pipeline::replace(); finish_replace() follows.
/// Takes the node over only when nothing speaks against it; `kept` gets it then.
std::shared_ptr<Successor> begin_replace(PipelineParts& core, int index, std::unique_ptr<NodeBase>&& node,
                                         std::shared_ptr<NodeBase>* kept = nullptr);
/// Waits until it has taken the place, or will. Throws the failure of open(), StopTimeoutError, or the exception of
/// `hook`: then the old one works on, or the new one does. False means it is not decided yet, and the node
/// that will be left over is the runner's to close.
bool finish_replace(PipelineParts& core, Successor& successor, Seconds timeout, const WaitHook& hook = {});
/// Whether the successor has the place, or no call of the node before it comes any more.
/// Nothing: it is not decided yet.
[[nodiscard]] std::optional<bool> has_place(const PipelineParts& core, const Successor& successor);
/// Waits until it is decided whether the successor gets the place.
[[nodiscard]] bool wait_placed(PipelineParts& core, const Successor& successor);
/// Throws GraphError, StateError unless the node is at work, and `next`, where given, may take its place.
void check_replaceable(const PipelineParts& core, int index, const NodeBase* next = nullptr);

}  // namespace freshframe::core
