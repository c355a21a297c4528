// Adds and removes nodes, edges and readers. Removal is only possible while the pipeline runs.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/changes/changes.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/drain_time.hpp"
#include "core/pipeline/graph/admission.hpp"
#include "core/pipeline/graph/graph_facts.hpp"
#include "core/pipeline/views/feeds.hpp"
#include "core/pipeline/views/statistics.hpp"
#include "core/unit_text.hpp"

namespace freshframe::core {
namespace {

void spawn_late(PipelineParts& core, const std::shared_ptr<Runner>& runner) {
  try {
    core.life().start_thread(runner, [runner] { runner->run(); });
  } catch (const std::exception& error) {  // the system cannot start another thread
    throw Error("cannot start the thread of node '" + runner->name() + "': " + error.what());
  }
}

// Takes back a failed add(). The node finishes on its own thread, and its failures are only logged.
void undo_add(PipelineParts& core, Runner& added) {
  added.life().leave_add();
  ask_to_end(core, added.index(), unawaited_removal(), false);
  core.life().end_add(added.index());
}

// Call without the graph's lock: the log sink is user code.
void warn_about_missed(const std::string& missed) {
  if (!missed.empty()) log(LogLevel::Warning, missed);
}

// Returns false if the node failed to open or is being removed.
bool connect_opened(PipelineParts& core, Runner& added) {
  if (added.life().opening() != NodeLife::Opening::Opened) return false;
  std::string missed;
  {
    auto& guarded = core.guard_graph();
    const Lock building(guarded.building);
    core.life().check_changes("add()");
    if (added.life().removal() != nullptr) return false;  // the node may already have left the graph
    if (!has_parents(guarded.graph, added.index())) {
      throw StateError("a parent of '" + added.name() + "' was removed while the node was opening");
    }
    added.life().set_connected();  // from now on, a failure ends the pipeline
    guarded.graph.connect_late(added.index());
    guarded.update_bound();
    missed = missed_before(guarded.graph, added.name(), guarded.graph.list_wires(added.index()));
  }
  core.life().notify();
  core.life().end_add(added.index());
  warn_about_missed(missed);
  return true;
}

// Called when the node could not be added; its thread is about to close it.
[[noreturn]] void throw_not_added(PipelineParts& core, Runner& added, const WaitHook& hook) {
  auto& life = core.life();
  // Null for an embedder's node, which opens before the engine's part.
  const auto removal = added.life().removal();
  try {
    life.wait_with_hook([&] { return removal ? added.life().is_forgotten() : added.life().is_finished(); },
                        hook);
  } catch (...) {
    added.life().leave_add();
    life.end_add(added.index());
    throw;
  }
  life.sweep_threads();
  life.end_add(added.index());
  if (const auto error = added.life().take_add_failure()) std::rethrow_exception(error);
  if (!removal) throw StateError("stop() was called while '" + added.name() + "' was being added");
  throw StateError("'" + added.name() + "', or a parent of it, was removed while it was being added");
}

}  // namespace

int add_node(PipelineParts& core, std::unique_ptr<NodeBase>&& node, std::span<const AnyPort> parents,
             const AddOptions& options, std::shared_ptr<Runner>* made) {
  auto& life = core.life();
  auto& guarded = core.guard_graph();
  life.sweep_threads();
  std::shared_ptr<Runner> runner;
  {
    const Lock building(guarded.building);
    const bool late = life.check_changes("add()");
    if (late) guarded.sweep();
    auto& graph = guarded.graph;
    const auto name = graph.admit(node.get(), parents, options);
    if (late) check_served(core, name, *node);
    runner = std::make_shared<Runner>(core, graph.size(), name, std::move(node), options);
    if (made != nullptr) *made = runner;
    runner->intake().set_holder(core.budget()->add_holder("node '" + name + "'"));
    graph.add(runner, parents, options);
    const auto& camera = options.companion_of;
    core.names()->add(runner->index(), name, runner->facts().stream_name,
                      camera ? core.names()->find_name(camera->node) : std::string());
    if (!late) return runner->index();
    runner->life().set_late();
    runner->inbox().stay_open(true);  // otherwise the node would end, because it has no edges yet
    life.begin_add(runner);
  }
  try {
    {
      const Lock building(guarded.building);
      Admission(guarded.graph).check_recordings();
    }
    if (!runner->facts().runs_outside) spawn_late(core, runner);
  } catch (...) {
    // A stop or removal on another thread may have finished the node already.
    if (!runner->facts().runs_outside || runner->life().claim()) {
      give_up_add(core, runner->index());
    } else {
      abandon_add(core, runner->index());
    }
    throw;
  }
  return runner->index();
}

namespace {

// Called before start(): nothing runs, and the program has no port of the node yet.
void take_back(PipelineParts& core, int index) {
  std::shared_ptr<Runner> kept;  // may be the last reference: destroyed without a lock
  auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  kept = guarded.graph.shared_runner(index);
  if (!kept || guarded.graph.is_wired()) return;
  guarded.graph.take_back(index);
  core.budget()->remove_holder(kept->intake().holder());
}

}  // namespace

void give_up_add(PipelineParts& core, int index) {
  if (!core.life().has_started()) return take_back(core, index);
  const auto given_up = core.life().pending(index);
  if (!given_up) return;
  given_up->life().leave_add();
  // No effect if another thread is already removing the node and waiting for it.
  given_up->life().begin_removal(unawaited_removal());
  end_without_thread(*given_up);
  core.life().end_add(index);
}

std::vector<int> added_from(const PipelineParts& core, int first) {
  if (core.life().has_started()) return core.life().pending_from(first);
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  std::vector<int> added;
  for (const auto& [number, each] : guarded.graph.places()) {
    if (number >= first && each.runner->life().is_added_here()) added.push_back(number);
  }
  return added;
}

int next_number(const PipelineParts& core) {
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  return guarded.graph.size();
}

void abandon_add(PipelineParts& core, int index) {
  if (const auto added = core.life().pending(index)) {
    undo_add(core, *added);
  } else if (const auto runner = core.runner(index); runner && runner->life().is_connected()) {
    // The node was added, but the program will never get its port.
    ask_to_end(core, index, unawaited_removal(), false);
  }
}

void finish_add(PipelineParts& core, int index, const WaitHook& hook) {
  const auto added = core.life().pending(index);
  if (!added) return;  // before start()
  try {
    core.life().wait_with_hook([&] { return added->life().opening() != NodeLife::Opening::Open; }, hook);
    if (connect_opened(core, *added)) return;
  } catch (...) {
    undo_add(core, *added);
    throw;
  }
  throw_not_added(core, *added, hook);
}

namespace {

// `missed` receives the result of missed_before().
std::shared_ptr<ReaderCore> connect_reader(PipelineParts& core, std::span<const AnyPort> parents,
                                           const ReaderOptions& options, std::string& missed) {
  auto& guarded = core.guard_graph();
  const auto& life = core.life();
  const Lock building(guarded.building);
  const bool late = life.check_changes("reader()");
  auto& graph = guarded.graph;
  const auto name = graph.admit_reader(parents, options);
  auto reader = std::make_shared<ReaderCore>(
      name, options.frames,
      ReaderContext{core.clock(), life.failure(), core.budget(), life.started_flag(), core.stop_token(),
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
  missed = missed_before(graph, name, graph.readers().find(*reader)->wires);
  return reader;
}

}  // namespace

std::shared_ptr<ReaderCore> add_reader(PipelineParts& core, std::span<const AnyPort> parents,
                                       const ReaderOptions& options) {
  std::string missed;
  auto reader = connect_reader(core, parents, options, missed);
  warn_about_missed(missed);
  return reader;
}

void connect(PipelineParts& core, int child, const AnyPort& parent, const ConnectOptions& options) {
  std::string missed;
  {
    auto& guarded = core.guard_graph();
    const Lock building(guarded.building);
    core.life().check_changes("connect()");
    guarded.graph.connect(child, parent, options);
    guarded.update_bound();
    missed = missed_before(guarded.graph, guarded.graph.runner(child).name(),
                           {guarded.graph.list_wires(child).back()});
  }
  warn_about_missed(missed);
}

void disconnect(PipelineParts& core, int child, const AnyPort& parent) {
  auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  core.life().check_changes("disconnect()");
  const auto books = guarded.graph.disconnect(child, parent);
  guarded.update_bound();
  guarded.count({books});
}

void set_max_wait(PipelineParts& core, int index, double max_wait) {
  auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  core.life().check_changes("set_max_wait()");
  if (!guarded.graph.has(index)) throw StateError("cannot set max_wait: the node was removed");
  auto& node = guarded.graph.runner(index);
  if (!node.facts().batch) {
    throw GraphError("'" + node.name() +
                     "' has no max_wait because it was added without a batch: add it with one");
  }
  validate(Batch{node.facts().batch->size, max_wait});
  node.intake().set_max_wait(max_wait);
  node.inbox().wake();  // the node may be waiting to fill a batch with the previous max_wait
}

namespace {

using Watch = Life::Real;
using Runners = std::vector<std::shared_ptr<Runner>>;
constexpr Seconds kSlice{0.05};  // interval between two checks

// Stops the input of a node removed without draining.
void close_input(const PipelineParts& core, Runner& runner) {
  if (runner.is_source()) return;
  const auto now = core.clock()->now();
  auto& inbox = runner.inbox();
  inbox.drop_as(DropCause::Removed);
  if (runner.facts().is_recorder) {
    inbox.close(Closing::ForNew, now + to_duration(kDrainTime));
  } else {
    inbox.close(Closing::ForEvents, now + to_duration(kStopTime * kHandOverShare));
  }
}

// Returns the nodes that have not closed in time. Call with the mutex of Life held.
std::vector<std::string> still_busy(const Removal& removal, const Runners& before) {
  std::vector<std::string> nodes(removal.closing.begin(), removal.closing.end());
  for (const auto& runner : before) {
    if (!runner->life().is_forgotten()) nodes.push_back(runner->name());
  }
  return nodes;
}

[[noreturn]] void throw_still_busy(Seconds timeout, std::vector<std::string> nodes) {
  const auto list = list_busy(nodes);
  throw StopTimeoutError(
      "these nodes are still busy " + seconds_text(timeout.count()) + " after remove(): " + list,
      std::move(nodes));
}

// One deadline, shared by all the waits of a remove().
struct RemovalWait {
  Watch::time_point deadline;
  Seconds timeout;
  const WaitHook& hook;

  bool is_late() const { return Watch::now() >= deadline; }
  // Returns the end of the next slice, but not later than the deadline.
  Watch::time_point next(Seconds slice) const {
    return std::min(deadline, Watch::now() + to_duration(slice));
  }
};

// `before`: the result of ask_to_end().
void wait_removed(Life& life, Removal& removal, const Runners& before, const RemovalWait& wait) {
  const auto closed = [&] {
    return removal.closing.empty() &&
           std::ranges::all_of(before, [](const auto& runner) { return runner->life().is_forgotten(); });
  };
  while (!life.wait_until(wait.next(kSlice), closed)) {
    if (wait.is_late()) {
      auto nodes = life.call_locked([&] {
        auto busy = still_busy(removal, before);
        removal.awaited = busy.empty();
        return busy;
      });
      if (nodes.empty()) return;  // the nodes have closed in the meantime
      throw_still_busy(wait.timeout, std::move(nodes));
    }
    if (wait.hook) wait.hook();
  }
}

// Waits until the remaining nodes have taken the samples that the removed ones sent them.
void wait_drained(PipelineParts& core, const std::set<const Removal*>& removals, const RemovalWait& wait) {
  constexpr Seconds kSoon{0.005};
  auto& guarded = core.guard_graph();
  while (true) {
    const bool late = wait.is_late();
    std::set<std::string> busy;
    {
      const Lock building(guarded.building);
      guarded.sweep();
      busy = guarded.graph.draining(removals);
    }
    if (busy.empty()) return;
    if (late) throw_still_busy(wait.timeout, {busy.begin(), busy.end()});
    core.life().wait_until(wait.next(kSoon), [] { return false; });
    if (wait.hook) wait.hook();
  }
}

void throw_failure(const PipelineParts& core, const Removal& removal) {
  core.life().call_locked([&] {
    if (removal.error) std::rethrow_exception(removal.error);
  });
}

Stats make_removal_stats(const PipelineParts& core, const Removal& removal) {
  auto books = core.life().call_locked([&] { return removal.books; });
  const Lock building(core.guard_graph().building);
  std::ranges::copy(removal.drained, std::back_inserter(books.edges));
  return books;
}

// The nodes that a removal asks to finish.
struct AskedToEnd {
  Runners going;
  // Nodes that are already in another removal, which may drain them even if this one does not.
  Runners before;
  Runners over;  // already finished
};

// Holds the graph's lock throughout, so that no node can be added downstream between choosing and cutting.
AskedToEnd cut_out(PipelineParts& core, int index, const std::shared_ptr<Removal>& removal, bool drains) {
  AskedToEnd asked;
  auto& guarded = core.guard_graph();
  auto& life = core.life();
  const Lock building(guarded.building);
  std::vector<int> present;
  for (const int node : with_all_below(guarded.graph, index)) {
    auto runner = guarded.graph.shared_runner(node);
    if (!runner) continue;
    present.push_back(node);
    if (!runner->life().begin_removal(removal)) {
      asked.before.push_back(std::move(runner));
      continue;
    }
    // Until this lock is released, the node's thread cannot forget the node.
    life.call_locked([&] { removal->closing.insert(runner->name()); });
    if (runner->life().is_finished()) asked.over.push_back(runner);
    asked.going.push_back(std::move(runner));
  }
  const auto edges = guarded.graph.cut(present, drains);
  life.call_locked([&] {
    for (const auto& edge : edges) {
      if (!edge.parent.empty()) removal->books.edges.push_back(edge);
    }
  });
  guarded.count(edges);
  for (const auto& runner : asked.going) {
    if (!drains || !runner->life().is_connected())
      close_input(core, *runner);  // otherwise it would never end, since it has no edges
  }
  for (const auto& runner : asked.before) {
    if (!drains) close_input(core, *runner);
  }
  return asked;
}

}  // namespace

void forget(PipelineParts& core, Runner& runner) {
  const auto removal = runner.life().removal();
  std::shared_ptr<Runner> kept;  // may be the last reference: destroyed without a lock
  auto books = runner.stats(Span::WholeRun);
  {
    auto& guarded = core.guard_graph();
    const Lock building(guarded.building);
    kept = guarded.graph.shared_runner(runner.index());
    if (!kept) return;
    auto edges = guarded.graph.forget(runner.index());
    guarded.count(guarded.graph.sweep());
    runner.life().set_forgotten();
    guarded.update_bound();
    core.budget()->remove_holder(runner.intake().holder());
    guarded.count(runner, books);
    guarded.count(edges);
    core.life().call_locked([&] {
      for (auto& edge : edges) removal->books.edges.push_back(std::move(edge));
      removal->books.nodes.push_back(std::move(books));
      removal->closing.erase(runner.name());
    });
  }
}

Runners ask_to_end(PipelineParts& core, int index, const std::shared_ptr<Removal>& removal, bool drains) {
  auto asked = cut_out(core, index, removal, drains);
  for (const auto& runner : asked.going) {
    const bool drains_it = drains && runner->life().is_connected();
    // A source's companion (AddOptions::companion_of) ends after the source's last samples.
    const bool is_camera = runner->is_source() && runner->index() == index;
    if (is_camera || !drains_it) runner->life().request_stop();
  }
  for (const auto& runner : asked.before) {
    if (!drains) runner->life().request_stop();
  }
  // These nodes had already finished, so no thread would remove them.
  for (const auto& runner : asked.over) forget(core, *runner);
  for (const auto& runner : asked.going) end_if_threadless(*runner);
  for (const auto& runner : asked.before) end_if_threadless(*runner);
  core.life().notify();
  return std::move(asked.before);
}

// Results that the node has already sent are still processed.
void remove_failed(PipelineParts& core, Runner& runner, std::string text) {
  core.errors().add({.node = runner.name(),
                     .text = text + " (on_error=\"remove\": the node was removed)",
                     .traceback = {},
                     .counted = false});  // the node's counters are gone before an observer can read them
  core.guard_graph().keep_failure(std::move(text));
  runner.inbox().drop_as(DropCause::Removed);
  ask_to_end(core, runner.index(), unawaited_removal(), true);
}

Stats remove_node(PipelineParts& core, int index, const RemoveOptions& options, const WaitHook& hook) {
  auto& life = core.life();
  const auto removal = std::make_shared<Removal>();
  std::shared_ptr<Removal> earlier;  // a removal already in progress, whose statistics are returned
  {
    const auto& guarded = core.guard_graph();
    const Lock building(guarded.building);
    if (!life.check_changes("remove()")) {
      throw StateError("remove() was called before start(): instead of removing the node, do not add it");
    }
    if (index < 0 || index >= guarded.graph.size())
      throw GraphError("remove() needs a port of this pipeline");
    const auto runner = guarded.graph.shared_runner(index);
    if (!runner) return {};  // already removed
    if (runner->life().is_late() && !runner->life().is_connected()) {
      throw StateError("'" + runner->name() + "' is still being added");
    }
    earlier = runner->life().removal();
  }
  const bool waits = !core.called_from_runner();
  removal->awaited = waits;
  const auto before = ask_to_end(core, index, removal, options.drain);
  if (!waits) return {};
  const RemovalWait wait{
      .deadline = Watch::now() + to_duration(options.timeout), .timeout = options.timeout, .hook = hook};
  wait_removed(life, *removal, before, wait);
  const auto& whole = earlier ? *earlier : *removal;
  throw_failure(core, whole);
  if (options.drain) {
    std::set<const Removal*> removals{removal.get(), earlier.get()};
    for (const auto& runner : before) removals.insert(runner->life().removal().get());
    wait_drained(core, removals, wait);
  }
  life.sweep_threads();
  return make_removal_stats(core, whole);
}

void close_reader(ReaderCore& reader) {
  reader.inbox().drop_as(DropCause::Removed);
  reader.close();
  if (const auto host = reader.host()) host->sweep_readers();
}

}  // namespace freshframe::core
