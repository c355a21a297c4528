// The steps that the loops of Python nodes share.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/node/loop.hpp"

#include "freshframe/vision.hpp"

#include <cstddef>
#include <string>
#include <utility>

#include "bindings/border/raw_call.hpp"
#include "bindings/read/sample.hpp"
#include "bindings/results/value.hpp"
#include "core/frame/frame_access.hpp"

namespace nb = nanobind;

namespace freshframe::python {

bool fail(gil::Held& held, Loop& loop, const TakenError& taken, const AnySample* sample) {
  if (loop.runner.is_source()) name_source(held, *taken.object, loop.runner.name());
  auto traceback = loop.runner.wants_traceback(sample) ? traceback_text(held, *taken.object) : std::string();
  const auto text = taken.text + hint_text(held, *taken.object);
  const bool goes_on = loop.runner.fail(taken.error, text, sample, std::move(traceback));
  if (!goes_on) loop.engine.keep_failure(taken.object);
  return goes_on;
}

bool fail(gil::Held& held, Loop& loop, const AnySample* sample) {
  return fail(held, loop, take_python_error(held), sample);
}

PyObject* call_if_there(PyObject* object, const char* name) {
  PyObject* const method = PyObject_GetAttrString(object, name);
  if (method == nullptr) {
    if (PyErr_ExceptionMatches(PyExc_AttributeError) == 0) return nullptr;
    PyErr_Clear();
    return Py_NewRef(Py_None);
  }
  PyObject* const result = PyObject_CallNoArgs(method);
  Py_DECREF(method);
  return result;
}

void leave_forked_child(const Loop& loop) {
  if (loop.engine.forked()) throw InForkedChild{};
}

PyObject* argument(gil::Held& held, Loop& loop, const AnySample& sample) {
  return raw_call(held, [&]() -> PyObject* {
    const auto& core = loop.engine.core();
    const auto holder = core::Graph::holder_of(static_cast<std::size_t>(loop.runner.index()));
    core.budget()->check_held(holder, core.options().max_held_bytes);
    auto given = sample;
    given.frame = core::FrameAccess::loan(given.frame, holder);
    auto object = make_sample(std::move(given), *loop.engine.names());
    if (loop.takes_values) object = object.attr("value");
    return object.release().ptr();
  });
}

void check_demand(const Loop& loop, const Emitted& output, nb::handle given) {
  const auto& demand = loop.runner.demand();
  const auto* type = output.value ? output.value.get()->type() : type_of<Frame>();
  if (demand.allows(type)) return;
  std::string text = std::string("gave a ") + Py_TYPE(given.ptr())->tp_name + ", but its child '" +
                     demand.child + "' takes " + core::names_of(demand.types);
  if (demand.allows(type_of<Frame>())) text += ": make one with freshframe.Frame.from_array(x)";
  if (demand.allows(type_of<Detections>())) {
    text += ": make them of your boxes, freshframe.Detections(xyxy, confidence, class_id)";
  }
  throw nb::type_error(text.c_str());
}

std::optional<Emitted> output_of(gil::Held& held, Loop& loop, PyObject* result) {
  std::optional<Emitted> output(std::in_place);
  if (result == Py_None) return output;
  PyObject* converted = raw_call(held, [&] {
    output = from_python(held, result, loop.runner.demand().types);
    check_demand(loop, *output, result);
    return Py_NewRef(Py_None);
  });
  if (converted == nullptr) output.reset();
  Py_XDECREF(converted);
  return output;
}

void emit_output(core::Runner& runner, AnySample& sample, std::optional<Emitted>& output) {
  if (output && (output->value || output->frame)) runner.emit(*std::exchange(output, std::nullopt), sample);
  sample = {};
}

}  // namespace freshframe::python
