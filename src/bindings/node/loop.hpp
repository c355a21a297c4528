// The common parts of the loops of Python nodes: the node's state, and waits without the GIL.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/node.hpp"

#include <cstdint>

#include "bindings/border/errors.hpp"
#include "bindings/border/python_free_types.hpp"
#include "bindings/engine/engine.hpp"
#include "bindings/frame/format_use.hpp"
#include "bindings/node/box_scale.hpp"
#include "bindings/node/gil_turn.hpp"
#include "core/pipeline/runner/runner.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

// Note [No Python object lives across a wait]
// While a loop waits it owns no nb::object: an unwind at finalisation (see gil.hpp) would run its destructor
// without the GIL. An object that is used before and after a wait is native, or borrowed from an argument of
// the Python function that called the loop.

/// The state of one node's loop.
struct Loop {
  Engine& engine;
  core::Runner& runner;
  PyObject* place;            // borrowed from the caller; keeps the nodes
  PyObject* node = nullptr;   // see take_node(); null means a native node works
  bool takes_values = false;  // the node is a function, and gets the value instead of the sample
  GilTurn turn{};
  BoxScale scale{};
  std::uint64_t taker = FormatUse::make_taker();
};

/// Run a node that takes samples one by one, a node that takes batches, or a source. Each returns when the
/// node must be closed; the first two return false if it has failed.
bool run_samples(gil::Held& held, Loop& loop);
bool run_batches(gil::Held& held, Loop& loop);
void run_source(gil::Held& held, Loop& loop);

/// Passes an exception to the engine; true means the node continues (on_error="skip").
bool fail(gil::Held& held, Loop& loop, const TakenError& taken, const AnySample* sample);
/// Fails with the current Python exception.
bool fail(gil::Held& held, Loop& loop, const AnySample* sample);

/// Thrown in a child forked inside a call of the node: it must touch nothing of its parent's engine, whose
/// locks may be held by threads that it does not have.
struct InForkedChild {};
void leave_forked_child(const Loop& loop);
/// Does the same for a call with a sample. Leaks the sample in the child, because freeing it would touch the
/// parent's engine.
void leave_forked_child(const Loop& loop, AnySample& sample);

/// Calls the method of that name. Returns None if it does not exist, or null with an exception set if
/// the look-up or the call raised.
PyObject* call_if_there(PyObject* object, const char* name);
/// Sets the node's attribute `stop_token` to the token of this run, unless the node uses the name for
/// something else. Returns false with an exception set if the node's own code raised.
bool give_stop_token(gil::Held& held, Loop& loop);
/// Sets Loop::node to the current node, which may have been replaced.
void take_node(Loop& loop);
/// Closes a node that was replaced or never used, if the caller of replace() no longer waits for it. `node`
/// may be null.
void close_left_over(const Loop& loop, NodeBase* node);
/// Calls the node's source_gone() for the sources that have ended. Returns false if it raised and the node
/// does not continue.
bool tell_gone(gil::Held& held, Loop& loop);
/// Call after Taken::News: calls take_node() and tell_gone(). If Loop::node is null afterwards, the node is
/// now native, and the loop must return.
bool look_at_news(gil::Held& held, Loop& loop);
/// Returns the node's argument, a Sample or a value, or null with an exception set.
PyObject* argument(gil::Held& held, Loop& loop, const AnySample& sample);
/// Calls a function with the value that argument() made: with a join it gets the members of the set.
PyObject* call_function(const Loop& loop, PyObject* given);
PyObject* call_with(PyObject* function, PyObject* given);
PyObject* call_method(PyObject* object, PyObject* name, PyObject* given);
/// Runs `Step` on the runner without the GIL and meters how long the GIL was held before and waited for
/// after.
template <auto Step, class... A>
bool without_gil(gil::Held& held, Loop& loop, A... args) {
  loop.turn.end_turn(loop.runner);
  GilTurn::Clock::time_point wanted;
  const bool result = gil::release(
      held,
      [](core::Runner* runner, GilTurn* turn, GilTurn::Clock::time_point* done, A... step_args) {
        const bool value = Step(*runner, step_args...);
        *done = turn->let_others_in();
        if (!runner->life().is_finished()) runner->meter().set_state(NodeState::WaitingGil);
        return value;
      },
      &loop.runner, &loop.turn, &wanted, args...);
  loop.turn.begin_turn(loop.runner, wanted);
  return result;
}

}  // namespace freshframe::python
