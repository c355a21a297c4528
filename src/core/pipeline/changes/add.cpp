// Nodes, edges and readers are added: before the start and while the pipeline runs.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <string>
#include <utility>

#include "core/pipeline/graph/admission.hpp"
#include "core/pipeline/graph/graph_look.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/threadless.hpp"

namespace freshframe::core {
namespace {

constexpr Seconds kLookSlice{0.05};  // of a wait, between two looks

}  // namespace

bool PipelineCore::check_changes(const char* verb) const {
  const Lock lock(mutex_);
  if (phase_ == Phase::Ended || stopping_ || stop_source_.stop_requested()) {
    throw StateError(std::string(verb) +
                     " after the end of the pipeline: a pipeline runs once, build a new one");
  }
  return phase_ != Phase::Building;
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
    runner->intake().set_holder(budget_->add_holder("node '" + name + "'"));
    graph_.add(runner, parents, options);
    names_->add(runner->index(), name, runner->facts().stream_name);
    if (!late) return runner->index();
    runner->life().set_late();
    runner->inbox().stay_open(true);  // it has no edges yet
    const Lock lock(mutex_);
    ++living_;
    pending_.emplace(runner->index(), Pending{runner, std::this_thread::get_id()});
  }
  try {
    {
      const Lock building(building_);
      Admission(graph_).check_recordings();
    }
    if (!runner->facts().runs_outside) spawn_late(runner);
  } catch (...) {
    // A stop or a removal by another thread may have ended it already.
    if (!runner->facts().runs_outside || runner->life().claim()) {
      give_up_add(runner->index());
    } else {
      abandon_add(runner->index());
    }
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
  const auto given_up = pending(index);
  if (!given_up) return;
  given_up->life().leave_add();
  given_up->life().begin_removal(
      unawaited_removal());  // unless another thread removes it already, and waits for its end
  end_without_thread(*given_up);
  end_change(index);
}

bool PipelineCore::is_adding(int index) const {
  const Lock lock(mutex_);
  return pending_.contains(index);
}

std::vector<int> PipelineCore::added_from(int first) const {
  const Lock lock(mutex_);
  std::vector<int> added;
  for (auto each = pending_.lower_bound(first); each != pending_.end(); ++each) {
    if (each->second.adder == std::this_thread::get_id()) added.push_back(each->first);
  }
  return added;
}

int PipelineCore::next_number() const {
  const Lock building(building_);
  return graph_.size();
}

void PipelineCore::abandon_add(int index) {
  if (const auto added = pending(index)) {
    undo_add(*added);
  } else if (const auto there = runner(index); there && there->life().connected()) {
    ask_to_end(index, unawaited_removal(), false);  // it was added, and its program will never learn of it
  }
}

// The node ends by itself, and its failures are logged.
void PipelineCore::undo_add(Runner& added) {
  added.life().leave_add();
  ask_to_end(added.index(), unawaited_removal(), false);
  end_change(added.index());
}

std::shared_ptr<Runner> PipelineCore::pending(int index) const {
  const Lock lock(mutex_);
  const auto found = pending_.find(index);
  return found != pending_.end() ? found->second.runner : nullptr;
}

void PipelineCore::end_change(int added) {
  Pending over;  // may be the last reference: destroyed without a lock
  bool last = false;
  {
    const Lock lock(mutex_);
    if (added < 0) {
      --replacing_;
    } else {
      const auto found = pending_.find(added);
      if (found == pending_.end()) return;
      over = std::move(found->second);
      pending_.erase(found);
    }
    last = end_locked();
  }
  if (last && end_hook_) end_hook_();
}

void PipelineCore::finish_add(int index, const Look& look) {
  const auto added = pending(index);
  if (!added) return;  // before start()
  try {
    wait_looking([&] { return added->life().opening() != NodeLife::Opening::Open; }, look);
    if (connect_opened(*added)) return;
  } catch (...) {
    undo_add(*added);
    throw;
  }
  throw_not_added(*added, look);
}

// Returns false if the node did not open, or is being removed.
bool PipelineCore::connect_opened(Runner& added) {
  if (added.life().opening() != NodeLife::Opening::Opened) return false;
  {
    const Lock building(building_);
    check_changes("add()");
    if (added.life().removal() != nullptr) return false;  // it may have left the graph already
    if (!has_parents(graph_, added.index())) {
      throw StateError("a parent of '" + added.name() + "' was removed while the node opened");
    }
    added.life().set_connected();  // a failure from here on is the pipeline's
    graph_.connect_late(added.index());
    update_bound();
  }
  {
    const Lock lock(mutex_);
    changed_.notify_all();
  }
  end_change(added.index());
  return true;
}

// The node's thread is about to close.
void PipelineCore::throw_not_added(Runner& added, const Look& look) {
  const auto removal =
      added.life().removal();  // also of an embedder's node, which opens before the engine's part
  try {
    wait_looking([&] { return removal ? added.life().forgotten() : added.life().finished(); }, look);
  } catch (...) {
    added.life().leave_add();
    end_change(added.index());
    throw;
  }
  sweep_threads();
  end_change(added.index());
  if (const auto error = added.life().take_add_failure()) std::rethrow_exception(error);
  if (!removal) throw StateError("stop() was called while '" + added.name() + "' was added");
  throw StateError("'" + added.name() + "', or a parent of it, was removed while it was added");
}

void PipelineCore::wait_looking(const std::function<bool()>& over, const Look& look) {
  while (!over()) {
    {
      const Lock lock(mutex_);
      changed_.wait_until(mutex_, *Clock::real(), std::chrono::steady_clock::now() + to_duration(kLookSlice),
                          over);
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

void PipelineCore::set_max_wait(int index, double seconds) {
  const Lock building(building_);
  check_changes("set_max_wait()");
  if (!graph_.has(index)) throw StateError("the node whose max_wait is set was removed");
  auto& node = graph_.runner(index);
  if (!node.facts().batch) {
    throw GraphError("'" + node.name() + "' has no batch, and so no max_wait: add it with one");
  }
  validate(Batch{node.facts().batch->size, seconds});
  node.intake().set_max_wait(seconds);
  node.inbox().wake();  // it may be waiting for the first sample of a batch, with the wait that it had
}

void PipelineCore::disconnect(const AnyPort& parent, int child) {
  const Lock building(building_);
  check_changes("disconnect()");
  const auto books = graph_.disconnect(parent, child);
  update_bound();
  count_removed({books});
}

}  // namespace freshframe::core
