// Another node takes the place of a running one. See Note [Replacing a node].
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/pipeline/changes/successor.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/session_gate.hpp"
#include "core/thread_begin.hpp"
#include <cxxabi.h>

namespace freshframe::core {
namespace {

[[noreturn]] void refuse_replacement(const std::string& name, const std::string& why) {
  throw GraphError("'" + name + "' cannot be replaced by this node, " + why +
                   ": remove() it and add() the other");
}

// The other nodes see no difference between the two.
void check_alike(const Runner& runner, const NodeBase& next) {
  const auto old = runner.node();
  const auto refuse = [&](const std::string& why) { refuse_replacement(runner.name(), why); };
  if (old->is_source() != next.is_source())
    refuse(next.is_source() ? "which is a source" : "which is no source");
  if (old->runs_outside() || next.runs_outside())
    refuse("because one of the two is native and the other is not");
  if (old->is_recorder() || next.is_recorder()) refuse("because the file of a recorder would be cut");
  if (old->output_type() != next.output_type()) refuse("which gives another type");
  if (const auto source = runner.source();
      source && source->live() != static_cast<const SourceBase&>(next).live()) {
    refuse(source->live() ? "which is not live" : "which is live");
  }
  if (old->gives_several() != next.gives_several())
    refuse("which gives another number of results per sample");
  if (old->wake_every() != next.wake_every() || old->finishes() != next.finishes())
    refuse("which has another on_time() or finish()");
  if (runner.batch() && !next.takes_batches()) refuse("which takes no batches");
}

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "an exception not derived from std::exception";
  }
}

// Null: it went well.
std::exception_ptr error_of_call(const std::function<void()>& call) {
  try {
    expect_no_lock();
    call();
    return nullptr;
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace

std::shared_ptr<Runner> Graph::replaceable(int index) const {
  if (index < 0 || index >= size()) throw GraphError("replace() needs a port of this pipeline");
  if (!has(index) || runner(index).removal() != nullptr) throw StateError("the node to replace was removed");
  return shared_runner(index);
}

std::shared_ptr<Runner> Graph::replaceable(int index, const NodeBase& next) const {
  auto found = replaceable(index);
  check_alike(*found, next);
  std::vector<AnyPort> parents;
  for (const auto& wire : wires_of(index)) {
    if (!is_leaving(wire)) parents.emplace_back(wire.parent, wire.source);
  }
  AddOptions options;
  if (const auto& rules = place(index).join) {
    options.join = Join{};
    options.join->partial = rules->partial;
  }
  check_set_node(next, found->name(), parents, options);
  check_parents(options.join ? nullptr : &next, found->name(), parents);
  if (next.needs_one_source()) check_one_source("'" + found->name() + "'", parents);
  if (!found->is_source()) return found;
  const auto reads = static_cast<const SourceBase&>(next).reads_from();
  if (const auto writer = writer_of(reads); !writer.empty())
    refuse_replacement(found->name(), "which reads '" + *reads + "', the file that '" + writer + "' writes");
  return found;
}

void PipelineCore::check_at_work(const Runner& runner) const {
  if (!check_changes("replace()")) throw StateError("replace() before start(): add() the other node instead");
  if (!runner.connected() || runner.opening() != Runner::Opening::Opened)
    throw StateError("'" + runner.name() + "' has not opened yet");
}

void PipelineCore::check_replaceable(int index) const {
  const Lock building(building_);
  check_at_work(*graph_.replaceable(index));
}

std::shared_ptr<Successor> PipelineCore::begin_replace(int index, std::unique_ptr<NodeBase>&& node,
                                                       std::shared_ptr<NodeBase>* kept) {
  if (!node) throw GraphError("replace() needs a node, got none");
  sweep_threads();
  auto successor = std::make_shared<Successor>();
  successor->awaited = !called_from_runner();
  std::shared_ptr<Runner> runner;
  {
    const Lock building(building_);
    runner = graph_.replaceable(index, *node);
    check_at_work(*runner);
    if (!runner->begin_replacement())
      throw StateError("'" + runner->name() + "' is being replaced by another call");
    successor->next =
        std::make_shared<NodeRun>(std::move(node), runner->name(), clock(), runner->stop_token());
    if (kept != nullptr) *kept = node_of(successor->next);
    const Lock lock(mutex_);
    ++adding_;
  }
  try {
    std::jthread thread([this, runner, successor] { run_replacement(runner, successor); });
    const Lock lock(mutex_);
    threads_.push_back({runner, std::move(thread), successor});
  } catch (const std::exception& error) {  // the machine has no more threads
    runner->end_replacement();
    end_add();
    throw Error("cannot start the thread that replaces '" + runner->name() + "': " + error.what());
  }
  return successor;
}

void PipelineCore::finish_replace(Successor& successor, const Look& look) {
  if (called_from_runner()) return;
  try {
    wait_looking([&] { return successor.over.load(); }, look);
  } catch (...) {
    std::shared_ptr<NodeRun> next;
    {
      const Lock lock(mutex_);
      successor.given_up = true;
      successor.awaited = false;
      if (successor.state == Successor::State::Opening) next = successor.next;
      changed_.notify_all();
    }
    if (next) next->request_stop();  // its open() may wait
    throw;
  }
  sweep_threads();
  const Lock lock(mutex_);
  if (successor.error) std::rethrow_exception(successor.error);
}

void PipelineCore::wake(int index) {
  if (const auto there = runner(index)) there->inbox().wake();
}

// The body of the thread of a replacement.
void PipelineCore::run_replacement(const std::shared_ptr<Runner>& runner,
                                   const std::shared_ptr<Successor>& successor) {
  begin_thread();
  gate_of_thread() = gate_;
  const auto next = successor->next;
  auto error = error_of_call([&] { next->node().open(next->context()); });
  if (error) {
    error = error_of(*runner, error, "open() of the node that was to replace it: " + text_of(error), {});
  } else {
    const auto rest = wait_for_place(*runner, successor);
    rest->request_stop();
    error = error_of_call([&] { rest->node().close(); });
    if (error) {
      error = error_of(*runner, error, "close() of the node that was replaced: " + text_of(error), {});
    } else if (rest == next) {
      error = std::make_exception_ptr(StateError("'" + runner->name() + "' has ended: nothing was replaced"));
    }
  }
  runner->end_replacement();
  finish_replacement(*successor, std::move(error));
}

// Returns the node that is to be closed.
std::shared_ptr<NodeRun> PipelineCore::wait_for_place(Runner& runner,
                                                      const std::shared_ptr<Successor>& successor) {
  {
    const Lock lock(mutex_);
    if (successor->given_up) return successor->next;
    successor->state = Successor::State::Offered;
  }
  if (!runner.offer(successor)) return successor->next;
  const auto decided = [&]() FRESHFRAME_REQUIRES(mutex_) {
    return successor->state != Successor::State::Offered;
  };
  {
    const Lock lock(mutex_);
    changed_.wait(mutex_, [&]() FRESHFRAME_REQUIRES(mutex_) { return decided() || successor->given_up; });
  }
  if (runner.withdraw(successor)) return successor->next;
  const Lock lock(mutex_);
  changed_.wait(mutex_, decided);
  return successor->state == Successor::State::Placed ? successor->old : successor->next;
}

void PipelineCore::place(Runner& runner, Successor& successor) {
  const Lock building(building_);
  auto old = runner.place(successor.next);
  const Lock lock(mutex_);
  successor.old = std::move(old);
  successor.state = Successor::State::Placed;
  changed_.notify_all();
}

void PipelineCore::refuse_successor(Successor& successor) {
  const Lock lock(mutex_);
  successor.state = Successor::State::Refused;
  changed_.notify_all();
}

void PipelineCore::finish_replacement(Successor& successor, std::exception_ptr error) {
  // The nodes are destroyed without a lock, and before the call returns.
  std::shared_ptr<NodeRun> old;
  std::shared_ptr<NodeRun> next;
  bool is_thrown = false;
  {
    const Lock lock(mutex_);
    old = std::move(successor.old);
    next = std::move(successor.next);
    is_thrown = successor.awaited;
    if (is_thrown) successor.error = error;
    if (successor.given_up && !old) error = nullptr;  // the caller knows
  }
  old.reset();
  next.reset();
  if (error && !is_thrown) log(LogLevel::Error, "replace(): " + text_of(error));
  {
    const Lock lock(mutex_);
    successor.over = true;
    changed_.notify_all();
  }
  end_add();
}

}  // namespace freshframe::core
