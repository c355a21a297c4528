// Nodes, edges and readers are added: before the start and while the pipeline runs.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <string>
#include <utility>

#include "core/pipeline/changes/changes.hpp"
#include "core/pipeline/graph/admission.hpp"
#include "core/pipeline/graph/graph_look.hpp"

namespace freshframe::core {
namespace {

void spawn_late(PipelineCore& core, const std::shared_ptr<Runner>& runner) {
  try {
    core.life().start_thread(runner, [runner] { runner->run(); });
  } catch (const std::exception& error) {  // the machine has no more threads
    throw Error("cannot start the thread of node '" + runner->name() + "': " + error.what());
  }
}

// The node ends by itself, and its failures are logged.
void undo_add(PipelineCore& core, Runner& added) {
  added.life().leave_add();
  ask_to_end(core, added.index(), unawaited_removal(), false);
  core.life().end_add(added.index());
}

// Returns false if the node did not open, or is being removed.
bool connect_opened(PipelineCore& core, Runner& added) {
  if (added.life().opening() != NodeLife::Opening::Opened) return false;
  {
    auto& guarded = core.guarded();
    const Lock building(guarded.building);
    core.life().check_changes("add()");
    if (added.life().removal() != nullptr) return false;  // it may have left the graph already
    if (!has_parents(guarded.graph, added.index())) {
      throw StateError("a parent of '" + added.name() + "' was removed while the node opened");
    }
    added.life().set_connected();  // a failure from here on is the pipeline's
    guarded.graph.connect_late(added.index());
    guarded.update_bound();
  }
  core.life().notify();
  core.life().end_add(added.index());
  return true;
}

// The node's thread is about to close.
[[noreturn]] void throw_not_added(PipelineCore& core, Runner& added, const Look& look) {
  auto& life = core.life();
  const auto removal =
      added.life().removal();  // also of an embedder's node, which opens before the engine's part
  try {
    life.wait_looking([&] { return removal ? added.life().forgotten() : added.life().finished(); }, look);
  } catch (...) {
    added.life().leave_add();
    life.end_add(added.index());
    throw;
  }
  life.sweep_threads();
  life.end_add(added.index());
  if (const auto error = added.life().take_add_failure()) std::rethrow_exception(error);
  if (!removal) throw StateError("stop() was called while '" + added.name() + "' was added");
  throw StateError("'" + added.name() + "', or a parent of it, was removed while it was added");
}

}  // namespace

int add_node(PipelineCore& core, std::unique_ptr<NodeBase>&& node, std::span<const AnyPort> parents,
             const AddOptions& options, std::shared_ptr<Runner>* made) {
  auto& life = core.life();
  auto& guarded = core.guarded();
  life.sweep_threads();
  std::shared_ptr<Runner> runner;
  {
    const Lock building(guarded.building);
    const bool late = life.check_changes("add()");
    if (late) guarded.sweep();
    auto& graph = guarded.graph;
    const auto name = graph.admit(node.get(), parents, options);
    runner = std::make_shared<Runner>(core, graph.size(), name, std::move(node), options);
    if (made != nullptr) *made = runner;
    runner->intake().set_holder(core.budget()->add_holder("node '" + name + "'"));
    graph.add(runner, parents, options);
    core.names()->add(runner->index(), name, runner->facts().stream_name);
    if (!late) return runner->index();
    runner->life().set_late();
    runner->inbox().stay_open(true);  // it has no edges yet
    life.begin_add(runner);
  }
  try {
    {
      const Lock building(guarded.building);
      Admission(guarded.graph).check_recordings();
    }
    if (!runner->facts().runs_outside) spawn_late(core, runner);
  } catch (...) {
    // A stop or a removal by another thread may have ended it already.
    if (!runner->facts().runs_outside || runner->life().claim()) {
      give_up_add(core, runner->index());
    } else {
      abandon_add(core, runner->index());
    }
    throw;
  }
  return runner->index();
}

void give_up_add(PipelineCore& core, int index) {
  const auto given_up = core.life().pending(index);
  if (!given_up) return;
  given_up->life().leave_add();
  given_up->life().begin_removal(
      unawaited_removal());  // unless another thread removes it already, and waits for its end
  end_without_thread(*given_up);
  core.life().end_add(index);
}

int next_number(const PipelineCore& core) {
  const auto& guarded = core.guarded();
  const Lock building(guarded.building);
  return guarded.graph.size();
}

void abandon_add(PipelineCore& core, int index) {
  if (const auto added = core.life().pending(index)) {
    undo_add(core, *added);
  } else if (const auto there = core.runner(index); there && there->life().connected()) {
    // It was added, and its program will never learn of it.
    ask_to_end(core, index, unawaited_removal(), false);
  }
}

void finish_add(PipelineCore& core, int index, const Look& look) {
  const auto added = core.life().pending(index);
  if (!added) return;  // before start()
  try {
    core.life().wait_looking([&] { return added->life().opening() != NodeLife::Opening::Open; }, look);
    if (connect_opened(core, *added)) return;
  } catch (...) {
    undo_add(core, *added);
    throw;
  }
  throw_not_added(core, *added, look);
}

std::shared_ptr<ReaderCore> add_reader(PipelineCore& core, std::span<const AnyPort> parents,
                                       const ReaderOptions& options) {
  auto& guarded = core.guarded();
  const auto& life = core.life();
  const Lock building(guarded.building);
  const bool late = life.check_changes("reader()");
  auto& graph = guarded.graph;
  const auto name = graph.admit_reader(parents, options);
  auto reader = std::make_shared<ReaderCore>(
      name, options.frames,
      ReaderContext{core.clock(), life.failure(), core.budget(), life.started_flag(),
                    core.options().max_held_bytes, core.weak_from_this()});
  reader->set_holder(core.budget()->add_holder("reader '" + name + "'"));
  graph.add_reader(reader, parents, options);
  if (!late) return reader;
  guarded.sweep();
  try {
    graph.connect_late(*reader);
  } catch (...) {
    graph.forget(*reader);
    throw;
  }
  guarded.update_bound();
  return reader;
}

void connect(PipelineCore& core, const AnyPort& parent, int child, const ConnectOptions& options) {
  auto& guarded = core.guarded();
  const Lock building(guarded.building);
  core.life().check_changes("connect()");
  guarded.graph.connect(parent, child, options);
  guarded.update_bound();
}

void disconnect(PipelineCore& core, const AnyPort& parent, int child) {
  auto& guarded = core.guarded();
  const Lock building(guarded.building);
  core.life().check_changes("disconnect()");
  const auto books = guarded.graph.disconnect(parent, child);
  guarded.update_bound();
  guarded.count({books});
}

void set_max_wait(PipelineCore& core, int index, double seconds) {
  auto& guarded = core.guarded();
  const Lock building(guarded.building);
  core.life().check_changes("set_max_wait()");
  if (!guarded.graph.has(index)) throw StateError("the node whose max_wait is set was removed");
  auto& node = guarded.graph.runner(index);
  if (!node.facts().batch) {
    throw GraphError("'" + node.name() + "' has no batch, and so no max_wait: add it with one");
  }
  validate(Batch{node.facts().batch->size, seconds});
  node.intake().set_max_wait(seconds);
  node.inbox().wake();  // it may be waiting for the first sample of a batch, with the wait that it had
}

}  // namespace freshframe::core
