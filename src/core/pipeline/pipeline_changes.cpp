// Verbs that change a graph: add, connect, disconnect, remove; before and while it runs.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/drain_time.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/unit_text.hpp"

namespace freshframe::core {
namespace {

constexpr Seconds kLookSlice{0.05};  // of a wait, between two looks
using Watch = std::chrono::steady_clock;

}  // namespace

bool PipelineCore::check_changes(const char* verb) const {
  const Lock lock(mutex_);
  if (phase_ == Phase::Ended || stopping_ || stop_source_.stop_requested()) {
    throw StateError(std::string(verb) +
                     " after the end of the pipeline: a pipeline runs once, build a new one");
  }
  return phase_ != Phase::Building;
}

std::shared_ptr<Runner> PipelineCore::runner(int index) const {
  const Lock lock(building_);
  return graph_.shared_runner(index);
}

std::vector<std::shared_ptr<Runner>> PipelineCore::runners() const {
  const Lock lock(building_);
  return graph_.runners();
}

int PipelineCore::add(std::unique_ptr<NodeBase>&& node, std::span<const AnyPort> parents,
                      const AddOptions& options, std::shared_ptr<Runner>* made) {
  sweep_threads();
  std::shared_ptr<Runner> runner;
  bool late = false;
  {
    const Lock building(building_);
    late = check_changes("add()");
    if (late) sweep();
    const auto name = graph_.admit(node.get(), parents, options);
    runner = std::make_shared<Runner>(*this, graph_.size(), name, std::move(node), options);
    if (made != nullptr) *made = runner;
    runner->set_holder(budget_->add_holder("node '" + name + "'"));
    graph_.add(runner, parents, options);
    names_->add(name, runner->stream_name());
    if (!late) return runner->index();
    runner->set_late();
    runner->inbox().stay_open(true);  // it has no edges yet
    const Lock lock(mutex_);
    ++living_;
    ++adding_;
    pending_.emplace(runner->index(), runner);
  }
  try {
    {
      const Lock building(building_);
      graph_.check_recordings();
    }
    if (!runner->node().runs_outside()) spawn_late(runner);
  } catch (...) {
    give_up_add(runner->index());
    throw;
  }
  return runner->index();
}

void PipelineCore::spawn_late(const std::shared_ptr<Runner>& runner) {
  try {
    std::jthread thread([runner] { runner->run(); });
    const Lock lock(mutex_);
    threads_.push_back({runner, std::move(thread)});
  } catch (const std::exception& error) {  // the machine has no more threads
    throw Error("cannot start the thread of node '" + runner->name() + "': " + error.what());
  }
}

void PipelineCore::give_up_add(int index) {
  const auto given_up = take_pending(index);
  if (!given_up) return;
  const auto removal = std::make_shared<Removal>();
  removal->awaited = false;
  given_up->set_removal(removal);
  given_up->request_stop();
  given_up->open_step();  // after a stop it opens nothing
  given_up->close_step();
  end_add();
}

bool PipelineCore::is_adding(int index) const {
  const Lock lock(mutex_);
  return pending_.contains(index);
}

void PipelineCore::abandon_add(int index) {
  if (!take_pending(index)) return;
  const auto removal = std::make_shared<Removal>();
  removal->awaited = false;
  ask_to_end(index, removal, false);
  end_add();
}

std::shared_ptr<Runner> PipelineCore::take_pending(int index) {
  const Lock lock(mutex_);
  const auto found = pending_.find(index);
  if (found == pending_.end()) return nullptr;
  auto runner = std::move(found->second);
  pending_.erase(found);
  return runner;
}

void PipelineCore::end_add() {
  bool last = false;
  {
    const Lock lock(mutex_);
    --adding_;
    last = end_locked();
  }
  if (last && end_hook_) end_hook_();
}

void PipelineCore::finish_add(int index, const Look& look) {
  const auto added = take_pending(index);
  if (!added) return;  // before start()
  const auto removal = std::make_shared<Removal>();
  const auto give_up = [&] {
    removal->awaited = false;
    ask_to_end(index, removal, false);
    end_add();
  };
  const auto opened = [&] { return added->opening() != Runner::Opening::Open; };
  try {
    wait_looking(opened, look);
  } catch (...) {
    give_up();
    throw;
  }
  auto failed = added->removal();  // also of an embedder's node, which opens before the engine's part
  if (added->opening() == Runner::Opening::Opened && !failed) {
    try {
      const Lock building(building_);
      check_changes("add()");
      if (!graph_.has_parents(index)) {
        throw StateError("a parent of '" + added->name() + "' was removed while the node opened");
      }
      added->set_connected();  // a failure from here on is the pipeline's
      failed = added->removal();
      if (!failed) {
        graph_.connect_late(index);
        update_bound();
      }
    } catch (...) {
      give_up();
      throw;
    }
    if (!failed) {
      {
        const Lock lock(mutex_);
        changed_.notify_all();
      }
      end_add();
      return;
    }
  }
  try {  // its thread is about to close
    wait_looking([&] { return failed ? added->forgotten() : added->finished(); }, look);
  } catch (...) {
    end_add();
    throw;
  }
  sweep_threads();
  end_add();
  if (failed) {
    {
      const Lock lock(mutex_);
      if (failed->error) std::rethrow_exception(failed->error);
    }
    throw StateError("'" + added->name() + "', or a parent of it, was removed while it was added");
  }
  throw StateError("stop() was called while '" + added->name() + "' was added");
}

void PipelineCore::wait_looking(const std::function<bool()>& over, const Look& look) {
  while (!over()) {
    {
      const Lock lock(mutex_);
      changed_.wait_until(mutex_, *Clock::real(), Watch::now() + to_duration(kLookSlice), over);
    }
    if (!over() && look) look();
  }
}

std::shared_ptr<ReaderCore> PipelineCore::add_reader(std::span<const AnyPort> parents,
                                                     const ReaderOptions& options) {
  const Lock lock(building_);
  const bool late = check_changes("reader()");
  const auto name = graph_.admit_reader(parents, options);
  auto reader = std::make_shared<ReaderCore>(
      name, options.frames,
      ReaderContext{clock(), failure_, budget_, started_, options_.max_held_bytes, weak_from_this()});
  reader->set_holder(budget_->add_holder("reader '" + name + "'"));
  graph_.add_reader(reader, parents, options);
  if (!late) return reader;
  sweep();
  try {
    graph_.connect_late(*reader);
  } catch (...) {
    graph_.forget(*reader);
    throw;
  }
  update_bound();
  return reader;
}

void PipelineCore::connect(const AnyPort& parent, int child, const ConnectOptions& options) {
  const Lock building(building_);
  check_changes("connect()");
  graph_.connect(parent, child, options);
  update_bound();
}

void PipelineCore::disconnect(const AnyPort& parent, int child) {
  const Lock building(building_);
  check_changes("disconnect()");
  const auto books = graph_.disconnect(parent, child);
  update_bound();
  count_removed({books});
}

// Edges of nodes that have gone, once they are empty, and readers that their program has closed.
void PipelineCore::sweep() {
  count_removed(graph_.sweep());
  for (const auto& reader : std::vector(graph_.readers())) {
    if (!reader->closed()) continue;
    count_removed(graph_.forget(*reader));
    budget_->remove_holder(reader->holder());
  }
  update_bound();
}

void PipelineCore::update_bound() {
  if (graph_.wired()) budget_->set_bound(graph_.frame_bound());
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
  const auto removal = runner.removal();
  std::shared_ptr<Runner> kept;  // may be the last reference: destroyed without a lock
  auto books = runner.stats(Span::WholeRun);
  {
    const Lock building(building_);
    kept = graph_.shared_runner(runner.index());
    if (!kept) return;
    auto edges = graph_.forget(runner.index());
    runner.set_forgotten();
    update_bound();
    budget_->remove_holder(runner.holder());
    ++removed_.nodes;
    removed_.errors += books.errors;
    const bool cut_short = runner.is_source() && !runner.source()->live() && runner.cut_short();
    removed_whole_ = removed_whole_ && runner.closed_cleanly() && !cut_short;
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
    for (const int node : graph_.with_all_below(index)) {
      auto runner = graph_.shared_runner(node);
      if (!runner) continue;
      there.push_back(node);
      if (runner->removal() != nullptr) {
        before.push_back(std::move(runner));
        continue;
      }
      {
        const Lock lock(mutex_);
        removal->closing.insert(runner->name());
      }
      runner->set_removal(removal);
      if (runner->finished()) over.push_back(runner);
      going.push_back(std::move(runner));
    }
    const auto edges = graph_.cut(there, drains);
    if (!drains) graph_.close_reader_edges(there);
    {
      const Lock lock(mutex_);
      for (const auto& edge : edges) {
        if (!edge.parent.empty()) removal->books.edges.push_back(edge);
      }
    }
    count_removed(edges);
    for (const auto& runner : going) {
      if (!drains || !runner->connected()) close_input(*runner);  // without edges it would have no end
    }
    for (const auto& runner : before) {
      if (!drains) close_input(*runner);
    }
  }
  for (const auto& runner : going) {
    if (runner->is_source() || !drains || !runner->connected()) runner->request_stop();
  }
  for (const auto& runner : before) {
    if (!drains) runner->request_stop();
  }
  for (const auto& runner : over) forget(*runner);  // it had ended before
  const Lock lock(mutex_);
  changed_.notify_all();
  return before;
}

void PipelineCore::close_input(Runner& runner) const {
  if (runner.is_source()) return;
  const auto now = clock()->now();
  auto& inbox = runner.inbox();
  inbox.drop_as(DropCause::Removed);
  if (runner.is_recorder()) {
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
    if (runner->is_late() && !runner->connected()) {
      throw StateError("'" + runner->name() + "' is still being added");
    }
    earlier = runner->removal();
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
      const auto until = std::min(deadline, Watch::now() + to_duration(kLookSlice));
      const auto closed = [&]() FRESHFRAME_REQUIRES(mutex_) {
        return removal->closing.empty() &&
               std::ranges::all_of(before, [](const auto& runner) { return runner->forgotten(); });
      };
      if (changed_.wait_until(mutex_, *Clock::real(), until, closed)) return;
      if (Watch::now() >= deadline) {
        removal->awaited = false;
        std::vector<std::string> nodes(removal->closing.begin(), removal->closing.end());
        for (const auto& runner : before) {
          if (!runner->forgotten()) nodes.push_back(runner->name());
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
    if (each.runner->forgotten() && each.runner->finished() &&
        each.thread.get_id() != std::this_thread::get_id()) {
      over.push_back(std::move(each));
    }
  }
  std::erase_if(threads_, [](const Thread& each) { return each.runner == nullptr; });
}

}  // namespace freshframe::core
