// Replaces a running node. See Note [Replacing a node].
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/pipeline/changes/changes.hpp"
#include "core/pipeline/graph/admission.hpp"
#include "core/pipeline/graph/graph_facts.hpp"
#include "core/pipeline/views/feeds.hpp"
#include "core/thread_begin.hpp"
#include "core/unit_text.hpp"
#include "core/url/masked_url.hpp"
#include "platform/forced_unwind.hpp"

namespace freshframe::core {
namespace {

using Time = std::chrono::steady_clock;
constexpr Seconds kReplaceSlice{0.05};  // interval between two checks
constexpr Seconds kCloseTime{5};        // time limit for closing a new node that was opened but not used

// `error` must not be a forced unwind, which catch_error() lets pass.
std::string describe_masked(const std::exception_ptr& error) {
  return mask_passwords(Caught::make(error).what);
}

// Returns the exception, or null if the call succeeded.
std::exception_ptr catch_error(const std::function<void()>& call) {
  try {
    expect_no_lock();
    call();
    return nullptr;
  } catch (const platform::ForcedUnwind&) {
    throw;
  } catch (...) {
    return std::current_exception();
  }
}

// Clears the claim on the node's place if the replacement fails before its thread runs.
struct GiveBack {
  void operator()(Runner* runner) const noexcept { runner->place().end_replacement(); }
};

// Returns the runner whose node may be replaced. Call with the graph's lock. Throws GraphError, StateError.
std::shared_ptr<Runner> replaceable(const PipelineParts& core, const Graph& graph, int index) {
  if (!core.life().check_changes("replace()"))
    throw StateError("replace() was called before start(): add() the new node instead");
  if (index < 0 || index >= graph.size()) throw GraphError("replace() needs a port of this pipeline");
  auto found = graph.shared_runner(index);
  if (!found || found->life().removal() != nullptr)
    throw StateError("cannot replace '" + core.names()->find_name(index) + "': it was removed");
  if (!found->life().is_connected() || found->life().opening() != NodeLife::Opening::Opened)
    throw StateError("cannot replace '" + found->name() + "': it has not opened yet");
  if (found->life().is_finished())
    throw StateError("cannot replace '" + found->name() + "': it has already ended");
  const auto refuse = [&](const std::string& why) {
    throw GraphError("'" + found->name() + "' cannot be replaced: " + why +
                     ". remove() it and add() the new node");
  };
  if (graph.place(index).companion_of >= 0) refuse("it is an output of its camera");
  if (!list_companions(graph, index).empty()) refuse("its packets are also used");
  return found;
}

// Returns null if the node has opened. A source that would have to retry counts as failed, because the old
// source still works.
std::exception_ptr open_successor(const PipelineParts& core, const Runner& runner, NodeRun& next) {
  bool opened = false;
  auto error = catch_error([&] { opened = next.open(); });
  if (!error && !opened) {
    const auto name = "'" + runner.name() + "'";
    return std::make_exception_ptr(
        StateError(core.life().is_stopping() ? "stop() was called while " + name + " was being replaced"
                   : runner.life().removal() ? name + " was removed while it was being replaced"
                                             : "cannot replace " + name + ": it has already ended"));
  }
  const auto& book = next.counters().source();
  if (!error && book.state() == SourceState::BackingOff) {
    error = std::make_exception_ptr(SourceError(book.snapshot(core.clock()->now()).last_error, {}));
    static_cast<void>(catch_error([&] { next.node().close(); }));  // opened, but never used
  }
  if (!error) return nullptr;
  return make_error(core, runner, error, "open() of its replacement failed: " + describe_masked(error), {});
}

// Returns the node to close. If a node runs outside, the caller of replace() has already offered it.
std::shared_ptr<NodeRun> wait_for_place(PipelineParts& core, Runner& runner,
                                        const std::shared_ptr<Successor>& successor) {
  auto& life = core.life();
  const auto refused = [&] {
    (void)core.refuse_successor(*successor);
    return successor->next;
  };
  if (!successor->next->node().contract().runs_outside) {
    const bool given_up = life.call_locked([&] {
      if (!successor->given_up) successor->state = Successor::State::Offered;
      return successor->given_up;
    });
    if (given_up || !runner.offer(successor)) return refused();
  }
  const auto decided = [&] { return successor->state != Successor::State::Offered; };
  life.wait([&] { return decided() || successor->given_up; });
  if (runner.place().withdraw(*successor)) return refused();
  life.wait(decided);
  return life.call_locked(
      [&] { return successor->state == Successor::State::Placed ? successor->old : successor->next; });
}

void finish_replacement(Life& life, Successor& successor, std::exception_ptr error) {
  // Nodes are destroyed without a lock, before the function returns.
  std::shared_ptr<NodeRun> old;
  std::shared_ptr<NodeRun> next;
  std::shared_ptr<Runner> runner;
  bool is_thrown = false;
  life.call_locked([&] {
    old = std::move(successor.old);
    next = std::move(successor.next);
    runner = std::move(successor.runner);
    is_thrown = successor.awaited;
    if (is_thrown) successor.error = error;
    if ((successor.given_up || successor.left) && !old) error = nullptr;  // already reported to the caller
  });
  old.reset();
  next.reset();
  runner.reset();
  if (error && !is_thrown) log(LogLevel::Error, "replace(): " + describe_masked(error));
  life.change([&] { successor.over = true; });
  life.end_replacement();
}

// Body of the thread that performs a replacement.
void run_replacement(PipelineParts& core, const std::shared_ptr<Runner>& runner,
                     const std::shared_ptr<Successor>& successor) {
  begin_thread();
  const auto next = successor->next;
  auto error = next->node().contract().runs_outside ? nullptr : open_successor(core, *runner, *next);
  if (!error) {
    const auto rest = wait_for_place(core, *runner, successor);
    rest->request_stop();
    error = catch_error([&] { rest->node().close(); });
    if (error) {
      error = make_error(core, *runner, error,
                         "close() of the replaced node failed: " + describe_masked(error), {});
    } else if (rest == next) {
      error = std::make_exception_ptr(
          StateError("cannot replace '" + runner->name() + "': it has already ended"));
    }
  }
  runner->place().end_replacement();
  finish_replacement(core.life(), *successor, std::move(error));
}

[[noreturn]] void throw_still_old(Life& life, Runner& runner, Successor& successor, Seconds timeout) {
  const bool is_withdrawn = runner.place().withdraw(successor);
  auto text =
      "'" + runner.name() + "' is still in a call " + seconds_text(timeout.count()) + " after replace(): ";
  if (is_withdrawn) {
    life.change([&] { successor.state = Successor::State::Refused; });
    text += "nothing was replaced";
    (void)life.wait_until(Time::now() + to_duration(kCloseTime), [&] { return successor.over.load(); });
  } else {
    text += life.call_locked([&] { return successor.state == Successor::State::Placed; })
                ? "close() of the replaced node has not returned, but the new node is already running"
                : "the new node replaces it when the call returns";
  }
  throw StopTimeoutError(text, {runner.name()});
}

// Finds a runner that may be waiting for the caller: one that is blocked at two looks in a row.
class BlockedRunner {
 public:
  [[nodiscard]] bool look(bool is_blocked) noexcept {
    return std::exchange(was_blocked_, is_blocked) && is_blocked;
  }

 private:
  bool was_blocked_ = false;
};

// Returns false if the node's thread must do the rest, because the runner may be waiting for the caller.
bool wait_replaced(Life& life, Successor& successor, Seconds timeout, const WaitHook& hook) {
  const auto runner = life.call_locked([&] { return successor.runner; });
  std::optional<Time::time_point> deadline;
  BlockedRunner blocked;
  for (;;) {
    const auto now = Time::now();
    const bool is_opening = life.call_locked([&] { return successor.state == Successor::State::Opening; });
    if (!deadline && !is_opening) deadline = now + to_duration(timeout);
    const auto slice = now + to_duration(kReplaceSlice);
    const auto until = deadline ? std::min(*deadline, slice) : slice;
    if (life.wait_until(until, [&] { return successor.over.load(); })) return true;
    const bool is_left = life.call_locked([&] {
      const bool is_offered = successor.state == Successor::State::Offered;
      if (!blocked.look(is_offered && runner->outlet().is_blocked())) return false;
      successor.left = true;
      successor.awaited = successor.is_callers = false;
      return true;
    });
    if (is_left) return false;
    if (deadline && Time::now() >= *deadline) break;
    if (hook) hook();
  }
  throw_still_old(life, *runner, successor, timeout);
}

// Called when replace() throws before the outcome is known. Afterwards it is certain whether the new node
// will be used.
void give_up(PipelineParts& core, Successor& successor, bool is_source) {
  const auto next = core.life().change([&] {
    successor.given_up = true;
    successor.awaited = false;
    return successor.state == Successor::State::Opening ? successor.next : nullptr;
  });
  if (next) {
    next->request_stop();  // open() may be waiting for something
  } else if (!is_source) {
    (void)wait_placed(core, successor);  // returns immediately
  }
}

// Waits until the replacement's thread has cleared the claim, so that the node can be replaced again. Returns
// earlier if the runner may be waiting for the caller, or if the hook throws again, as after a second Ctrl-C.
// That exception is dropped: the caller gets the first one.
void wait_given_up(Life& life, const Successor& successor, const WaitHook& hook) {
  const auto runner = life.call_locked([&] { return successor.runner; });
  const auto deadline = Time::now() + to_duration(kCloseTime);
  BlockedRunner blocked;
  while (runner && Time::now() < deadline) {
    const auto until = std::min(deadline, Time::now() + to_duration(kReplaceSlice));
    if (life.wait_until(until, [&] { return successor.over.load(); })) return;
    if (blocked.look(runner->outlet().is_blocked())) return;
    if (hook && catch_error(hook)) return;
  }
}

}  // namespace

void check_replaceable(const PipelineParts& core, int index, const NodeBase* next) {
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  const auto runner = replaceable(core, guarded.graph, index);
  if (next != nullptr) Admission(guarded.graph).check_successor(*runner, *next);
}

std::shared_ptr<Successor> begin_replace(PipelineParts& core, int index, std::unique_ptr<NodeBase>&& node,
                                         std::shared_ptr<NodeBase>* kept) {
  if (!node) throw GraphError("replace() needs a node, got none");
  auto& life = core.life();
  life.sweep_threads();
  auto successor = std::make_shared<Successor>();
  successor->awaited = successor->is_callers = !core.called_from_runner();
  std::shared_ptr<Runner> runner;
  std::unique_ptr<Runner, GiveBack> claimed;
  const bool is_outside = node->contract().runs_outside;
  {
    const auto& guarded = core.guard_graph();
    const Lock building(guarded.building);
    runner = replaceable(core, guarded.graph, index);
    const Admission admission(guarded.graph);
    admission.choose_input(*node, list_parents(guarded.graph, index));
    admission.check_successor(*runner, *node);
    check_served(core, runner->name(), *node);
    if (!runner->place().begin_replacement())
      throw StateError("'" + runner->name() + "' is being replaced by another call");
    claimed.reset(runner.get());
    if (auto below = demands_below(guarded.graph, index); is_outside && !below.empty())
      runner->outlet().outputs().want(std::move(below.back()));
    successor->next =
        std::make_shared<NodeRun>(std::move(node), runner->name(), core.clock(), runner->life().stop_token());
    successor->runner = runner;
    if (auto old = runner->node(); old->contract().runs_outside) successor->before = std::move(old);
    if (is_outside) successor->state = Successor::State::Offered;
    successor->takes_thread = is_outside && runner->place().hosting().on_native_thread;
    if (kept != nullptr) *kept = share_node(successor->next);
    life.begin_replacement();
  }
  try {
    life.start_thread(
        runner, [&core, runner, successor] { run_replacement(core, runner, successor); }, successor);
    static_cast<void>(claimed.release());  // the thread clears the claim
  } catch (const std::exception& error) {  // the system cannot start another thread
    life.end_replacement();
    throw Error("cannot start the thread that replaces '" + runner->name() + "': " + error.what());
  }
  if (is_outside && !runner->offer(successor)) {
    life.change([&] {
      successor->state = Successor::State::Refused;
      successor->given_up = true;
      successor->awaited = false;
    });
    throw StateError("cannot replace '" + runner->name() + "': it has already ended");
  }
  return successor;
}

bool finish_replace(PipelineParts& core, Successor& successor, Seconds timeout, const WaitHook& hook) {
  if (core.called_from_runner()) return false;
  auto& life = core.life();
  const bool is_source =
      life.call_locked([&] { return successor.next && successor.next->source() != nullptr; });
  try {
    if (!wait_replaced(life, successor, timeout, hook)) return false;
  } catch (const StopTimeoutError&) {
    give_up(core, successor, is_source);
    throw;
  } catch (...) {  // thrown by the hook
    give_up(core, successor, is_source);
    wait_given_up(life, successor, hook);
    throw;
  }
  life.sweep_threads();
  if (const auto error = life.call_locked([&] { return successor.error; })) std::rethrow_exception(error);
  return true;
}

bool wait_placed(PipelineParts& core, const Successor& successor) {
  using enum Successor::State;
  auto& life = core.life();
  life.wait([&] { return successor.state == Placed || successor.state == Refused || successor.over; });
  return life.call_locked([&] { return successor.state == Placed; });
}

std::optional<bool> has_place(const PipelineParts& core, const Successor& successor) {
  using enum Successor::State;
  return core.life().call_locked([&]() -> std::optional<bool> {
    if (successor.state == Placed || (successor.state == Offered && successor.left)) return true;
    if (successor.state == Refused || successor.over) return false;
    return std::nullopt;
  });
}

}  // namespace freshframe::core
