// Parts that the loops of Python nodes share: the current node, its argument, and its failures.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/node/loop.hpp"

#include <string>
#include <utility>

#include "bindings/border/raw_call.hpp"
#include "bindings/border/text.hpp"
#include "bindings/node/python_node.hpp"
#include "bindings/node/stop_token.hpp"
#include "bindings/read/sample.hpp"
#include "core/join/set_loan.hpp"

namespace nb = nanobind;

namespace freshframe::python {

bool fail(gil::Held& held, Loop& loop, const TakenError& taken, const AnySample* sample) {
  if (loop.runner.is_source()) name_source(held, *taken.object, loop.runner.name());
  auto traceback = loop.runner.wants_traceback(sample) ? traceback_text(held, *taken.object) : std::string();
  const auto text = taken.text + hint_text(held, *taken.object);
  const bool goes_on =
      loop.runner.fail({taken.error, text, std::move(traceback)}, core::FailedOn::one(sample));
  if (!goes_on && !loop.runner.life().is_outside_the_run()) loop.engine.keep_failure(taken.object);
  return goes_on;
}

bool fail(gil::Held& held, Loop& loop, const AnySample* sample) {
  return fail(held, loop, take_python_error(held), sample);
}

namespace {

// Clears the current exception if it is of this kind; otherwise returns false.
bool forget(PyObject* kind) {
  if (PyErr_ExceptionMatches(kind) == 0) return false;
  PyErr_Clear();
  return true;
}

}  // namespace

PyObject* call_if_there(PyObject* object, const char* name) {
  PyObject* const method = PyObject_GetAttrString(object, name);
  if (method == nullptr) return forget(PyExc_AttributeError) ? Py_NewRef(Py_None) : nullptr;
  PyObject* const result = PyObject_CallNoArgs(method);
  Py_DECREF(method);
  return result;
}

bool give_stop_token(gil::Held& held, Loop& loop) {
  if (loop.takes_values) return true;
  PyObject* const known = PyObject_GetAttrString(loop.node, "stop_token");
  leave_forked_child(loop);
  if (known == nullptr) return forget(PyExc_AttributeError);
  const bool is_wanted = nb::isinstance<StopToken>(known);
  Py_DECREF(known);
  if (!is_wanted) return true;
  PyObject* const token = raw_call(held, [&] {
    return nb::cast(StopToken{loop.runner.life().stop_token(), loop.engine.core().clock()}).release().ptr();
  });
  if (token == nullptr) return false;
  // Bypasses the class's __setattr__(), because a frozen dataclass rejects every attribute.
  const int failed = PyObject_GenericSetAttr(loop.node, nb::str("stop_token").ptr(), token);
  leave_forked_child(loop);
  Py_DECREF(token);
  // A class that cannot have the attribute runs without it.
  return failed == 0 || forget(PyExc_AttributeError) || forget(PyExc_TypeError);
}

void take_node(Loop& loop) {
  const auto kept = loop.runner.node();
  const auto* const hosted = get_hosted(*kept);
  loop.node = hosted == nullptr ? nullptr : hosted->object;
  loop.takes_values = hosted != nullptr && hosted->takes_values;
  close_left_over(loop, std::exchange(loop.runner.place().hosting().left_over, nullptr).get());
  leave_forked_child(loop);
}

void close_left_over(const Loop& loop, NodeBase* node) {
  const auto* const hosted = node == nullptr ? nullptr : get_hosted(*node);
  if (hosted == nullptr) return;
  PyObject* const closed = PyObject_CallMethod(loop.place, "close_and_log", "O", hosted->object);
  // close_and_log() logs exceptions of the node itself, so this is another one
  if (closed == nullptr) PyErr_WriteUnraisable(loop.place);
  Py_XDECREF(closed);
}

bool look_at_news(gil::Held& held, Loop& loop) {
  const auto* const before = loop.node;
  take_node(loop);
  if (loop.node == nullptr) return true;
  if (loop.node != before && !give_stop_token(held, loop) && !fail(held, loop, nullptr)) return false;
  return tell_gone(held, loop);
}

bool tell_gone(gil::Held& held, Loop& loop) {
  const auto kept = loop.runner.node();
  auto* const hosted = get_hosted(*kept);
  if (hosted == nullptr || hosted->gone.empty()) return true;
  for (const int source : std::exchange(hosted->gone, {})) {
    if (loop.takes_values) continue;
    const auto& name = loop.engine.names()->find_stream(source);
    PyObject* const result =
        PyObject_CallMethod(loop.node, "_freshframe_source_gone", "is", source, name.c_str());
    leave_forked_child(loop);
    Py_XDECREF(result);
    if (result == nullptr && !fail(held, loop, nullptr)) return false;
  }
  return true;
}

void leave_forked_child(const Loop& loop) {
  if (loop.engine.has_forked()) throw InForkedChild{};
}

void leave_forked_child(const Loop& loop, AnySample& sample) {
  if (!loop.engine.has_forked()) return;
  new AnySample(std::move(sample));  // deliberately leaked in the child
  throw InForkedChild{};
}

PyObject* argument(gil::Held& held, Loop& loop, const AnySample& sample) {
  return raw_call(held, [&]() -> PyObject* {
    const auto& core = loop.engine.core();
    const auto holder = loop.runner.intake().holder();
    core.budget()->check_held(holder, core.options().max_held_bytes);
    auto object = make_sample(core::on_loan(sample, holder), loop.engine.names());
    if (loop.takes_values) object = object.attr("value");
    return object.release().ptr();
  });
}

PyObject* call_function(const Loop& loop, PyObject* given) {
  return loop.runner.inbox().joins() ? PyObject_CallObject(loop.node, given) : call_with(loop.node, given);
}

PyObject* call_with(PyObject* function, PyObject* given) {
  PyObject* arguments[] = {nullptr, given};  // the slot before the arguments may be used by the callee
  return PyObject_Vectorcall(function, arguments + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
}

PyObject* call_method(PyObject* object, PyObject* name, PyObject* given) {
  PyObject* arguments[] = {nullptr, object, given};
  return PyObject_VectorcallMethod(name, arguments + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
}

}  // namespace freshframe::python
