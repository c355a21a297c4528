// Another node takes the place of a running one. See Note [Replacing a node].
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/pipeline/changes/successor.hpp"
#include "core/pipeline/graph/admission.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/session_gate.hpp"
#include "core/thread_begin.hpp"
#include "core/unit_text.hpp"
#include <cxxabi.h>

namespace freshframe::core {
namespace {

using Time = std::chrono::steady_clock;
constexpr Seconds kReplaceSlice{0.05};  // of a wait, between two looks
constexpr Seconds kCloseTime{5};        // of a node that has opened in vain

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "an exception not derived from std::exception";
  }
}

// Returns null if the call went well.
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

std::shared_ptr<Runner> PipelineCore::replaceable(int index) const {
  if (!check_changes("replace()")) throw StateError("replace() before start(): add() the other node instead");
  if (index < 0 || index >= graph_.size()) throw GraphError("replace() needs a port of this pipeline");
  auto found = graph_.shared_runner(index);
  if (!found || found->life().removal() != nullptr)
    throw StateError("'" + names_->of(index) + "' was removed");
  if (!found->life().connected() || found->life().opening() != NodeLife::Opening::Opened)
    throw StateError("'" + found->name() + "' has not opened yet");
  if (found->life().finished()) throw StateError("'" + found->name() + "' has ended: nothing was replaced");
  if (gate_ && found->is_source()) {
    throw GraphError(
        "'" + found->name() +
        "' is an exclusive camera, and replace() opens a session beside its own: remove() it and add() the other");
  }
  return found;
}

void PipelineCore::check_replaceable(int index) const {
  const Lock building(building_);
  static_cast<void>(replaceable(index));
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
    runner = replaceable(index);
    Admission(graph_).check_successor(*runner, *node);
    if (!runner->place().begin_replacement())
      throw StateError("'" + runner->name() + "' is being replaced by another call");
    successor->next =
        std::make_shared<NodeRun>(std::move(node), runner->name(), clock(), runner->life().stop_token());
    successor->runner = runner;
    if (kept != nullptr) *kept = node_of(successor->next);
    const Lock lock(mutex_);
    ++replacing_;
  }
  try {
    std::jthread thread([this, runner, successor] { run_replacement(runner, successor); });
    const Lock lock(mutex_);
    threads_.push_back({runner, std::move(thread), successor});
  } catch (const std::exception& error) {  // the machine has no more threads
    runner->place().end_replacement();
    end_change();
    throw Error("cannot start the thread that replaces '" + runner->name() + "': " + error.what());
  }
  return successor;
}

void PipelineCore::finish_replace(Successor& successor, Seconds timeout, const Look& look) {
  if (called_from_runner()) return;
  try {
    if (!wait_replaced(successor, timeout, look)) return;
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

// Returns false if the rest is left to the node's thread, because the runner may wait for the caller.
bool PipelineCore::wait_replaced(Successor& successor, Seconds timeout, const Look& look) {
  const auto runner = [&] {
    const Lock lock(mutex_);
    return successor.runner;
  }();
  std::optional<Time::time_point> deadline;
  bool was_blocked = false;
  for (;;) {
    {
      const Lock lock(mutex_);
      const auto now = Time::now();
      if (!deadline && successor.state != Successor::State::Opening) deadline = now + to_duration(timeout);
      const auto slice = now + to_duration(kReplaceSlice);
      const auto until = deadline ? std::min(*deadline, slice) : slice;
      if (changed_.wait_until(mutex_, *Clock::real(), until, [&] { return successor.over.load(); }))
        return true;
      const bool is_blocked = successor.state == Successor::State::Offered && runner->outlet().blocked();
      if (is_blocked && std::exchange(was_blocked, true)) {
        successor.left = true;
        successor.awaited = false;
        return false;
      }
      was_blocked = is_blocked;
      if (deadline && Time::now() >= *deadline) break;
    }
    if (look) look();
  }
  throw_still_old(*runner, successor, timeout);
}

void PipelineCore::throw_still_old(Runner& runner, Successor& successor, Seconds timeout) {
  const bool is_withdrawn = runner.place().withdraw(successor);
  auto text =
      "'" + runner.name() + "' is still in a call " + seconds_text(timeout.count()) + " after replace(): ";
  {
    const Lock lock(mutex_);
    if (is_withdrawn) {
      successor.state = Successor::State::Refused;
      changed_.notify_all();
      text += "nothing was replaced";
      const auto until = Time::now() + to_duration(kCloseTime);
      changed_.wait_until(mutex_, *Clock::real(), until, [&] { return successor.over.load(); });
    } else {
      text += successor.state == Successor::State::Placed
                  ? "it is close() of the node before, and the new one works"
                  : "the new node takes its place when the call has ended";
    }
  }
  throw StopTimeout(text, {runner.name()});
}

std::optional<bool> PipelineCore::has_place(const Successor& successor) const {
  using enum Successor::State;
  const Lock lock(mutex_);
  if (successor.state == Placed || (successor.state == Offered && successor.left)) return true;
  if (successor.state == Refused || successor.over) return false;
  return std::nullopt;
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
  auto error = open_successor(*runner, *next);
  if (!error) {
    const auto rest = wait_for_place(*runner, successor);
    rest->request_stop();
    error = error_of_call([&] { rest->node().close(); });
    if (error) {
      error = error_of(*runner, error, "close() of the node that was replaced: " + text_of(error), {});
    } else if (rest == next) {
      error = std::make_exception_ptr(StateError("'" + runner->name() + "' has ended: nothing was replaced"));
    }
  }
  runner->place().end_replacement();
  finish_replacement(*successor, std::move(error));
}

// Returns null if the node has opened. A source that would try again after a failure is not better than the
// one that works.
std::exception_ptr PipelineCore::open_successor(const Runner& runner, NodeRun& next) const {
  bool opened = false;
  auto error = error_of_call([&] { opened = next.open(); });
  if (!error && !opened) {
    const auto name = "'" + runner.name() + "'";
    return std::make_exception_ptr(
        StateError(is_stopping()             ? "stop() was called while " + name + " was replaced"
                   : runner.life().removal() ? name + " was removed while it was replaced"
                                             : name + " has ended: nothing was replaced"));
  }
  const auto& book = next.counters().source();
  if (!error && book.state() == SourceState::BackingOff) {
    error = std::make_exception_ptr(SourceError(book.snapshot(clock()->now()).last_error, {}));
    static_cast<void>(error_of_call([&] { next.node().close(); }));  // it never worked
  }
  if (!error) return nullptr;
  return error_of(runner, error, "open() of the node that was to replace it: " + text_of(error), {});
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
  if (runner.place().withdraw(*successor)) return successor->next;
  const Lock lock(mutex_);
  changed_.wait(mutex_, decided);
  return successor->state == Successor::State::Placed ? successor->old : successor->next;
}

void PipelineCore::place(Runner& runner, Successor& successor) {
  const Lock building(building_);
  auto old = runner.put(successor.next);
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
  std::shared_ptr<Runner> runner;
  bool is_thrown = false;
  {
    const Lock lock(mutex_);
    old = std::move(successor.old);
    next = std::move(successor.next);
    runner = std::move(successor.runner);
    is_thrown = successor.awaited;
    if (is_thrown) successor.error = error;
    if ((successor.given_up || successor.left) && !old) error = nullptr;  // the caller knows
  }
  old.reset();
  next.reset();
  runner.reset();
  if (error && !is_thrown) log(LogLevel::Error, "replace(): " + text_of(error));
  {
    const Lock lock(mutex_);
    successor.over = true;
    changed_.notify_all();
  }
  end_change();
}

}  // namespace freshframe::core
