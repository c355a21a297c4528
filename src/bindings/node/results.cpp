// The results of one call of a Python node: a plain value, or those of a generator, which leave while it runs.
// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <optional>
#include <utility>

#include "bindings/border/classes.hpp"
#include "bindings/border/made_once.hpp"
#include "bindings/node/loop.hpp"

namespace freshframe::python {
namespace {

PyObject* make_on_time_name() {
  return PyUnicode_InternFromString("on_time");
}

bool send(core::Runner& runner, AnySample* output) {
  runner.outlet().send(std::move(*output));
  return true;
}

// With the GIL held, when that does not have to wait (see Note [The length of a turn]).
void send_now(gil::Held& held, Loop& loop, AnySample& output) {
  auto& outlet = loop.runner.outlet();
  if (loop.turn.has_time() && !outlet.would_wait()) {
    outlet.send(std::move(output));
    return;
  }
  loop.runner.meter().pause_work();
  without_gil<&send>(held, loop, &output);
  loop.runner.meter().resume_work();
  gil::DeferredFree::instance().drain(held);
}

bool check_returned(PyObject* value) {
  const bool is_none = value == Py_None;
  if (!is_none) {
    PyErr_Format(classes().option_type_error,
                 "a generator gives its results with yield; at its end it returned %R, which would be lost",
                 value);
  }
  Py_DECREF(value);
  return is_none;
}

// Whether a stop ends the generator. One of finish() has the time that a stop leaves to last results.
bool is_over(Loop& loop, Called called, bool was_stopping) {
  if (called == Called::Finish) return !loop.runner.takes_last_results();
  return !was_stopping && loop.runner.place().context().stop.stop_requested();
}

// Runs the generator to its end, or until is_over(). False: with an exception set.
bool run_generator(gil::Held& held, Loop& loop, PyObject* generator, AnySample& from, Called called) {
  // A sample that came after the stop, for its events, is processed to the end.
  const bool was_stopping = loop.runner.place().context().stop.stop_requested();
  while (true) {
    PyObject* item = nullptr;
    const auto state = PyIter_Send(generator, Py_None, &item);
    leave_forked_child(loop, from);
    if (state == PYGEN_ERROR) return false;
    if (state == PYGEN_RETURN) return check_returned(item);
    std::optional<AnySample> output;
    const bool is_valid = output_of(held, loop, item, from, output);
    Py_DECREF(item);
    if (!is_valid) return false;
    if (output) send_now(held, loop, *output);
    if (is_over(loop, called, was_stopping)) return true;
  }
}

// The generator's `finally` clauses run here and now, not where the last reference is dropped. An exception of theirs
// follows the one that is set, as after a statement `raise`. False: with an exception set.
bool close_generator(Loop& loop, PyObject* generator, AnySample& from, bool is_valid) {
  PyObject *type = nullptr, *before = nullptr, *traceback = nullptr;
  if (!is_valid) {
    PyErr_Fetch(&type, &before, &traceback);
    PyErr_NormalizeException(&type, &before, &traceback);
    if (traceback != nullptr) PyException_SetTraceback(before, traceback);
  }
  PyObject* const closed = PyObject_CallMethod(generator, "close", nullptr);
  leave_forked_child(loop, from);
  Py_XDECREF(closed);
  if (is_valid) return closed != nullptr;
  if (closed != nullptr) {
    PyErr_Restore(type, before, traceback);
    return false;
  }
  PyObject *later_type = nullptr, *later = nullptr, *later_traceback = nullptr;
  PyErr_Fetch(&later_type, &later, &later_traceback);
  PyErr_NormalizeException(&later_type, &later, &later_traceback);
  PyException_SetContext(later, before);  // takes the reference
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  PyErr_Restore(later_type, later, later_traceback);
  return false;
}

}  // namespace

bool take_result(gil::Held& held, Loop& loop, PyObject* result, AnySample& from, Called called,
                 std::optional<AnySample>& output) {
  if (result == nullptr) return fail(held, loop, &from);
  const bool gives_several = called != Called::Process || loop.runner.facts().gives_several;
  if (!gives_several || !PyGen_CheckExact(result)) {
    const bool is_valid = output_of(held, loop, result, from, output);
    Py_DECREF(result);
    return is_valid || fail(held, loop, &from);
  }
  const bool is_valid = run_generator(held, loop, result, from, called);
  const bool is_closed = close_generator(loop, result, from, is_valid);
  Py_DECREF(result);
  return is_closed || fail(held, loop, &from);
}

bool run_tick(gil::Held& held, Loop& loop, AnySample& tick, std::optional<AnySample>& output) {
  loop.runner.meter().begin_work();
  const std::chrono::duration<double> now = loop.runner.place().context().clock.now().time_since_epoch();
  PyObject* const given = PyFloat_FromDouble(now.count());
  PyObject* const result = given == nullptr
                               ? nullptr
                               : PyObject_CallMethodOneArg(loop.node, made_once<&make_on_time_name>(), given);
  Py_XDECREF(given);
  leave_forked_child(loop, tick);
  const bool goes_on = take_result(held, loop, result, tick, Called::OnTime, output);
  loop.runner.meter().end_tick();
  return goes_on;
}

void run_finish(gil::Held& held, Loop& loop) {
  auto last = loop.runner.begin_last();
  if (!last) return;
  loop.runner.meter().begin_work();
  PyObject* const result = PyObject_CallMethod(loop.node, "finish", nullptr);
  leave_forked_child(loop, *last);
  std::optional<AnySample> output;
  take_result(held, loop, result, *last, Called::Finish, output);
  if (output) send_now(held, loop, *output);
  loop.runner.meter().end_tick();
}

}  // namespace freshframe::python
