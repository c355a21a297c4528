// Nodes and readers are removed.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/drain_time.hpp"
#include "core/pipeline/changes/changes.hpp"
#include "core/pipeline/graph/graph_look.hpp"
#include "core/unit_text.hpp"

namespace freshframe::core {
namespace {

using Watch = Life::Real;
using Runners = std::vector<std::shared_ptr<Runner>>;
constexpr Seconds kSlice{0.05};  // of a wait, between two looks

// Nothing more comes into a node that is being removed without a drain.
void close_input(const PipelineCore& core, Runner& runner) {
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

// The nodes of a removal that has not come in time; the mutex of the life is held.
std::vector<std::string> still_busy(const Removal& removal, const Runners& before) {
  std::vector<std::string> nodes(removal.closing.begin(), removal.closing.end());
  for (const auto& runner : before) {
    if (!runner->life().forgotten()) nodes.push_back(runner->name());
  }
  return nodes;
}

// `before`: as ask_to_end() returned them.
void wait_removed(Life& life, const std::shared_ptr<Removal>& removal, const Runners& before,
                  const RemoveOptions& options, const Look& look) {
  const auto deadline = Watch::now() + to_duration(options.timeout);
  const auto closed = [&] {
    return removal->closing.empty() &&
           std::ranges::all_of(before, [](const auto& runner) { return runner->life().forgotten(); });
  };
  while (!life.wait_until(std::min(deadline, Watch::now() + to_duration(kSlice)), closed)) {
    if (Watch::now() >= deadline) {
      auto nodes = life.locked([&] {
        auto busy = still_busy(*removal, before);
        removal->awaited = busy.empty();
        return busy;
      });
      if (nodes.empty()) return;  // they have closed meanwhile
      std::string list;
      for (const auto& node : nodes) list += (list.empty() ? "'" : ", '") + node + "'";
      throw StopTimeout("still busy " + seconds_text(options.timeout.count()) + " after remove(): " + list,
                        std::move(nodes));
    }
    if (look) look();
  }
}

// The nodes that a removal asks to end.
struct AskedToEnd {
  Runners going;
  Runners before;  // of another removal, which may drain them where this one does not
  Runners over;    // that have finished
};

// All in one step: a node that came below between the choice and the cut would be left over.
AskedToEnd cut_out(PipelineCore& core, int index, const std::shared_ptr<Removal>& removal, bool drains) {
  AskedToEnd asked;
  auto& guarded = core.guarded();
  auto& life = core.life();
  const Lock building(guarded.building);
  std::vector<int> there;
  for (const int node : with_all_below(guarded.graph, index)) {
    auto runner = guarded.graph.shared_runner(node);
    if (!runner) continue;
    there.push_back(node);
    if (!runner->life().begin_removal(removal)) {
      asked.before.push_back(std::move(runner));
      continue;
    }
    // Its thread cannot forget it meanwhile: that takes the graph.
    life.locked([&] { removal->closing.insert(runner->name()); });
    if (runner->life().finished()) asked.over.push_back(runner);
    asked.going.push_back(std::move(runner));
  }
  const auto edges = guarded.graph.cut(there, drains);
  life.locked([&] {
    for (const auto& edge : edges) {
      if (!edge.parent.empty()) removal->books.edges.push_back(edge);
    }
  });
  guarded.count(edges);
  for (const auto& runner : asked.going) {
    if (!drains || !runner->life().connected())
      close_input(core, *runner);  // without edges it would have no end
  }
  for (const auto& runner : asked.before) {
    if (!drains) close_input(core, *runner);
  }
  return asked;
}

}  // namespace

void forget(PipelineCore& core, Runner& runner) {
  const auto removal = runner.life().removal();
  std::shared_ptr<Runner> kept;  // may be the last reference: destroyed without a lock
  auto books = runner.stats(Span::WholeRun);
  {
    auto& guarded = core.guarded();
    const Lock building(guarded.building);
    kept = guarded.graph.shared_runner(runner.index());
    if (!kept) return;
    auto edges = guarded.graph.forget(runner.index());
    runner.life().set_forgotten();
    guarded.update_bound();
    core.budget()->remove_holder(runner.intake().holder());
    guarded.count(runner, books);
    guarded.count(edges);
    core.life().locked([&] {
      for (auto& edge : edges) removal->books.edges.push_back(std::move(edge));
      removal->books.nodes.push_back(std::move(books));
      removal->closing.erase(runner.name());
    });
  }
}

Runners ask_to_end(PipelineCore& core, int index, const std::shared_ptr<Removal>& removal, bool drains) {
  auto asked = cut_out(core, index, removal, drains);
  for (const auto& runner : asked.going) {
    if (runner->is_source() || !drains || !runner->life().connected()) runner->life().request_stop();
  }
  for (const auto& runner : asked.before) {
    if (!drains) runner->life().request_stop();
  }
  for (const auto& runner : asked.over) forget(core, *runner);  // it had ended before
  for (const auto& runner : asked.going) end_if_threadless(*runner);
  for (const auto& runner : asked.before) end_if_threadless(*runner);
  core.life().notify();
  return std::move(asked.before);
}

// What it has given is processed.
void remove_failed(PipelineCore& core, Runner& runner, std::string text) {
  core.errors().add({.node = runner.name(),
                     .text = text + " (on_error=\"remove\": the node was removed)",
                     .traceback = {},
                     .counted = false});  // its counters are gone before an observer sees them
  core.guarded().keep_failure(std::move(text));
  runner.inbox().drop_as(DropCause::Removed);
  ask_to_end(core, runner.index(), unawaited_removal(), true);
}

Stats remove_node(PipelineCore& core, int index, const RemoveOptions& options, const Look& look) {
  auto& life = core.life();
  auto removal = std::make_shared<Removal>();
  std::shared_ptr<Removal> earlier;  // that is under way: its statistics are also this call's
  {
    const auto& guarded = core.guarded();
    const Lock building(guarded.building);
    if (!life.check_changes("remove()")) {
      throw StateError("remove() before start(): leave the node out");
    }
    if (index < 0 || index >= guarded.graph.size())
      throw GraphError("remove() needs a port of this pipeline");
    const auto runner = guarded.graph.shared_runner(index);
    if (!runner) return {};  // it was removed before
    if (runner->life().is_late() && !runner->life().connected()) {
      throw StateError("'" + runner->name() + "' is still being added");
    }
    earlier = runner->life().removal();
  }
  const bool waits = !core.called_from_runner();
  removal->awaited = waits;
  const auto before = ask_to_end(core, index, removal, options.drain);
  if (!waits) return {};
  wait_removed(life, removal, before, options, look);
  life.sweep_threads();
  if (earlier) removal = std::move(earlier);
  return life.locked([&] {
    if (removal->error) std::rethrow_exception(removal->error);
    return removal->books;
  });
}

void remove_reader(PipelineCore& core, const std::shared_ptr<ReaderCore>& reader) {
  reader->close();
  auto& guarded = core.guarded();
  const Lock building(guarded.building);
  if (guarded.graph.wired()) guarded.sweep();
}

}  // namespace freshframe::core
