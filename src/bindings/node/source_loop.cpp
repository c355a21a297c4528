// The loop of a Python source, over the items that its read() yields.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "bindings/border/classes.hpp"
#include "bindings/border/raw_call.hpp"
#include "bindings/node/loop.hpp"
#include "bindings/results/value.hpp"

namespace nb = nanobind;

namespace freshframe::python {
namespace {

constexpr const char* kYields = "Source.read() must yield (value, pts) or (value, pts, captured)";

bool publish(core::Runner& runner, SourceItem<Emitted>* item) {
  return runner.publish(std::move(*item), runner.place().context().clock.now(), core::waited_for_room());
}

// Whether publish() might wait, for an edge or for room for the item's frame.
bool would_wait(core::Runner& runner, const SourceItem<Emitted>& item) {
  return (item.value.frame && !runner.place().own_source()->live()) || runner.outlet().would_wait();
}

// Without releasing the GIL, if no step has to wait.
bool publish_next(gil::Held& held, Loop& loop, SourceItem<Emitted>& item) {
  if (loop.turn.has_time() && !would_wait(loop.runner, item)) return publish(loop.runner, &item);
  return without_gil<&publish>(held, loop, &item);
}
bool wait_for_go(core::Runner& runner) {
  return runner.wait_for_go();
}

double number(PyObject* object, const char* what) {
  const double value = PyFloat_AsDouble(object);
  if (value == -1.0 && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw OptionTypeError(std::string(kYields) + "; " + what + " must be a number of seconds, got " +
                          nb::repr(nb::handle(object)).c_str());
  }
  if (!std::isfinite(value)) {
    throw OptionError(std::string("Source.read() yielded ") + what + " = " +
                      nb::repr(nb::handle(object)).c_str() +
                      "; it must be a number of seconds that is not infinite");
  }
  return value;
}

// The items of a source: (value, pts) or (value, pts, captured).
SourceItem<Emitted> parse_item(gil::Held& held, PyObject* item, std::span<const TypeInfo* const> wanted) {
  const auto size = PyTuple_Check(item) ? PyTuple_GET_SIZE(item) : 0;
  if (size != 2 && size != 3) {
    throw OptionTypeError(std::string(kYields) + ", got " + nb::repr(nb::handle(item)).c_str());
  }
  SourceItem<Emitted> output;
  output.value = from_python(held, PyTuple_GET_ITEM(item, 0), wanted);
  output.pts = number(PyTuple_GET_ITEM(item, 1), "pts");
  if (size == 3)
    output.captured = TimePoint(to_duration(Seconds(number(PyTuple_GET_ITEM(item, 2), "captured"))));
  return output;
}

// The next item; nullopt at the end, or with an exception set.
std::optional<SourceItem<Emitted>> next_item(gil::Held& held, Loop& loop, PyObject* iterator) {
  loop.runner.meter().begin_work();
  PyObject* item = PyIter_Next(iterator);
  leave_forked_child(loop);
  if (item == nullptr) {
    loop.runner.meter().set_state(NodeState::Waiting);
    return std::nullopt;
  }
  loop.runner.meter().end_read();
  std::optional<SourceItem<Emitted>> output;
  PyObject* converted = raw_call(held, [&] {
    output = parse_item(held, item, loop.runner.outlet().demand().types);
    check_demand(loop, output->value, PyTuple_GET_ITEM(item, 0));
    return Py_NewRef(Py_None);
  });
  if (converted == nullptr) output.reset();
  Py_XDECREF(converted);
  Py_DECREF(item);
  return output;
}

PyObject* open_iterator(gil::Held& held, Loop& loop) {
  PyObject* token = new_stop_token(held, loop);
  if (token == nullptr) return nullptr;
  PyObject* iterable = PyObject_CallMethod(loop.node, "read", "(O)", token);
  Py_DECREF(token);
  if (iterable == nullptr) return nullptr;
  PyObject* iterator = PyObject_GetIter(iterable);
  if (iterator == nullptr && PyErr_ExceptionMatches(PyExc_TypeError) != 0) {
    PyErr_Format(classes().option_type_error, "%s, as a generator does; it returned %R", kYields, iterable);
  }
  Py_DECREF(iterable);
  return iterator;
}

void source_loop(gil::Held& held, Loop& loop, PyObject* iterator) {
  while (true) {
    auto item = next_item(held, loop, iterator);
    if (!item) {
      if (PyErr_Occurred() != nullptr) fail(held, loop, nullptr);
      return;
    }
    if (!publish_next(held, loop, *item)) return;
    gil::DeferredFree::instance().drain(held);
  }
}

}  // namespace

void run_source(gil::Held& held, Loop& loop) {
  if (!without_gil<&wait_for_go>(held, loop)) return;
  PyObject* iterator = open_iterator(held, loop);
  if (iterator == nullptr) {
    fail(held, loop, nullptr);
    return;
  }
  source_loop(held, loop, iterator);
  PyObject* closed = call_if_there(iterator, "close");  // a generator's finally clauses run on this thread
  leave_forked_child(loop);
  Py_XDECREF(closed);
  if (closed == nullptr) fail(held, loop, nullptr);
  Py_DECREF(iterator);
}

}  // namespace freshframe::python
