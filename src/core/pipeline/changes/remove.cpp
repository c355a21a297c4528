// Nodes and readers are removed, and their remains are swept up.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "core/drain_time.hpp"
#include "core/pipeline/changes/successor.hpp"
#include "core/pipeline/graph/graph_look.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/threadless.hpp"
#include "core/unit_text.hpp"

namespace freshframe::core {
namespace {

using Watch = std::chrono::steady_clock;
constexpr Seconds kSlice{0.05};             // of a wait, between two looks
constexpr std::size_t kKeptFailures = 100;  // a service may run for years

}  // namespace

// Edges of nodes that have gone, once they are empty, and readers that their program has closed.
void PipelineCore::sweep() {
  count_removed(graph_.sweep());
  for (const auto& [reader, wires, join] : std::vector(graph_.readers().all())) {
    if (!reader->closed()) continue;
    count_removed(graph_.forget(*reader));
    budget_->remove_holder(reader->holder());
  }
  update_bound();
}

void PipelineCore::update_bound() {
  if (graph_.wired()) budget_->set_bound(frame_bound(graph_));
}

void PipelineCore::count_removed(const std::vector<EdgeStats>& edges) {
  for (const auto& edge : edges) {
    if (edge.parent.empty()) continue;  // it had gone before
    ++removed_.edges;
    removed_.passed_in += edge.passed_in;
    removed_.delivered += edge.delivered;
    removed_.dropped += edge.dropped;
    for (const auto& [cause, count] : edge.drops) removed_.drops[cause] += count;
  }
}

bool PipelineCore::keep_end(int node, const GoneSource& gone) {
  const Lock building(building_);
  return graph_.keep_end(node, gone);
}

void PipelineCore::forget(Runner& runner) {
  const auto removal = runner.life().removal();
  std::shared_ptr<Runner> kept;  // may be the last reference: destroyed without a lock
  auto books = runner.stats(Span::WholeRun);
  {
    const Lock building(building_);
    kept = graph_.shared_runner(runner.index());
    if (!kept) return;
    auto edges = graph_.forget(runner.index());
    runner.life().set_forgotten();
    update_bound();
    budget_->remove_holder(runner.intake().holder());
    ++removed_.nodes;
    removed_.errors += books.errors;
    const bool cut_short =
        runner.is_source() && !runner.place().source()->live() && runner.life().cut_short();
    removed_whole_ = removed_whole_ && runner.life().closed_cleanly() && !cut_short;
    (runner.is_source() ? removed_.frames : removed_.processed) += books.processed;
    for (const auto& [cause, count] : books.drops) removed_.node_drops[cause] += count;
    count_removed(edges);
    const Lock lock(mutex_);
    for (auto& edge : edges) removal->books.edges.push_back(std::move(edge));
    removal->books.nodes.push_back(std::move(books));
    removal->closing.erase(runner.name());
  }
}

// All in one step: a node that came below between the choice and the cut would be left over.
PipelineCore::Runners PipelineCore::ask_to_end(int index, const std::shared_ptr<Removal>& removal,
                                               bool drains) {
  Runners going;
  Runners before;  // of another removal, which may drain them where this one does not
  Runners over;
  {
    const Lock building(building_);
    std::vector<int> there;
    for (const int node : with_all_below(graph_, index)) {
      auto runner = graph_.shared_runner(node);
      if (!runner) continue;
      there.push_back(node);
      if (!runner->life().begin_removal(removal)) {
        before.push_back(std::move(runner));
        continue;
      }
      {
        const Lock lock(mutex_);  // its thread cannot forget it meanwhile: that takes building_
        removal->closing.insert(runner->name());
      }
      if (runner->life().finished()) over.push_back(runner);
      going.push_back(std::move(runner));
    }
    const auto edges = graph_.cut(there, drains);
    {
      const Lock lock(mutex_);
      for (const auto& edge : edges) {
        if (!edge.parent.empty()) removal->books.edges.push_back(edge);
      }
    }
    count_removed(edges);
    for (const auto& runner : going) {
      if (!drains || !runner->life().connected()) close_input(*runner);  // without edges it would have no end
    }
    for (const auto& runner : before) {
      if (!drains) close_input(*runner);
    }
  }
  for (const auto& runner : going) {
    if (runner->is_source() || !drains || !runner->life().connected()) runner->life().request_stop();
  }
  for (const auto& runner : before) {
    if (!drains) runner->life().request_stop();
  }
  for (const auto& runner : over) forget(*runner);  // it had ended before
  for (const auto& runner : going) end_if_threadless(*runner);
  for (const auto& runner : before) end_if_threadless(*runner);
  const Lock lock(mutex_);
  changed_.notify_all();
  return before;
}

// What it has given is processed.
void PipelineCore::remove_failed(Runner& runner, std::string text) {
  errors_.add({.node = runner.name(),
               .text = text + " (on_error=\"remove\": the node was removed)",
               .traceback = {},
               .counted = false});  // its counters are gone before an observer sees them
  {
    const Lock building(building_);
    if (failures_.size() == kKeptFailures) failures_.erase(failures_.begin());
    failures_.push_back(std::move(text));
  }
  runner.inbox().drop_as(DropCause::Removed);
  ask_to_end(runner.index(), unawaited_removal(), true);
}

void PipelineCore::close_input(Runner& runner) const {
  if (runner.is_source()) return;
  const auto now = clock()->now();
  auto& inbox = runner.inbox();
  inbox.drop_as(DropCause::Removed);
  if (runner.facts().is_recorder) {
    inbox.close_for_new(now + to_duration(kDrainTime));
  } else {
    inbox.close_but_for_events(now + to_duration(kStopTime * kHandOverShare));
  }
}

Stats PipelineCore::remove(int index, const RemoveOptions& options, const Look& look) {
  auto removal = std::make_shared<Removal>();
  std::shared_ptr<Removal> earlier;  // that is under way: its statistics are also this call's
  {
    const Lock building(building_);
    if (!check_changes("remove()")) {
      throw StateError("remove() before start(): leave the node out");
    }
    if (index < 0 || index >= graph_.size()) throw GraphError("remove() needs a port of this pipeline");
    const auto runner = graph_.shared_runner(index);
    if (!runner) return {};  // it was removed before
    if (runner->life().is_late() && !runner->life().connected()) {
      throw StateError("'" + runner->name() + "' is still being added");
    }
    earlier = runner->life().removal();
  }
  const bool waits = !called_from_runner();
  removal->awaited = waits;
  const auto before = ask_to_end(index, removal, options.drain);
  if (!waits) return {};
  wait_removed(removal, before, options.timeout, look);
  sweep_threads();
  if (earlier) removal = std::move(earlier);
  const Lock lock(mutex_);
  if (removal->error) std::rethrow_exception(removal->error);
  return removal->books;
}

void PipelineCore::wait_removed(const std::shared_ptr<Removal>& removal, const Runners& before,
                                Seconds timeout, const Look& look) {
  const auto deadline = Watch::now() + to_duration(timeout);
  while (true) {
    {
      const Lock lock(mutex_);
      const auto until = std::min(deadline, Watch::now() + to_duration(kSlice));
      const auto closed = [&]() FRESHFRAME_REQUIRES(mutex_) {
        return removal->closing.empty() &&
               std::ranges::all_of(before, [](const auto& runner) { return runner->life().forgotten(); });
      };
      if (changed_.wait_until(mutex_, *Clock::real(), until, closed)) return;
      if (Watch::now() >= deadline) {
        removal->awaited = false;
        std::vector<std::string> nodes(removal->closing.begin(), removal->closing.end());
        for (const auto& runner : before) {
          if (!runner->life().forgotten()) nodes.push_back(runner->name());
        }
        std::string list;
        for (const auto& node : nodes) list += (list.empty() ? "'" : ", '") + node + "'";
        throw StopTimeout("still busy " + seconds_text(timeout.count()) + " after remove(): " + list,
                          std::move(nodes));
      }
    }
    if (look) look();
  }
}

void PipelineCore::remove(const std::shared_ptr<ReaderCore>& reader) {
  reader->close();
  const Lock building(building_);
  if (graph_.wired()) sweep();
}

void PipelineCore::sweep_threads() {
  std::vector<Thread> over;  // joined without the mutex
  const Lock lock(mutex_);
  for (auto& each : threads_) {
    const bool is_over = each.replacement ? each.replacement->over.load()
                                          : each.runner->life().forgotten() && each.runner->life().finished();
    if (is_over && each.thread.get_id() != std::this_thread::get_id()) {
      over.push_back(std::move(each));
    }
  }
  std::erase_if(threads_, [](const Thread& each) { return each.runner == nullptr; });
}

}  // namespace freshframe::core
