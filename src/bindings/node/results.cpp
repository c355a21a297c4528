// The results of a call of a Python node: one value, or those of a generator while it runs.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/node/results.hpp"

#include "freshframe/results.hpp"
#include "freshframe/vision.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "bindings/border/classes.hpp"
#include "bindings/border/made_once.hpp"
#include "bindings/border/raw_call.hpp"
#include "bindings/border/text.hpp"
#include "bindings/read/sample.hpp"
#include "bindings/results/value.hpp"

namespace nb = nanobind;

namespace freshframe::python {
namespace {

// Returns advice for a result that is not a frame.
std::string advice_for_frames(nb::handle given) {
  const nb::object dtype = nb::getattr(given, "dtype", nb::none());
  const nb::str kind(nb::getattr(dtype, "kind", nb::str("")));
  const bool is_float = std::string_view(kind.c_str()) == "f";
  return std::string(": create one with freshframe.Frame.from_array(") +
         (is_float ? "(255 * x).clip(0, 255).astype(np.uint8)) of pixels x from 0 to 1" : "x)");
}

}  // namespace

void check_demand(const Loop& loop, const Emitted& output, nb::handle given) {
  const auto& demand = loop.runner.outlet().demand();
  const auto* type = output.value ? output.value.get()->type() : get_type<Frame>();
  if (demand.allows(type)) return;
  std::string text = "returned " + with_article(get_type_name(given)) + ", but its child '" + demand.child +
                     "' takes " + core::join_names(demand.types);
  if (nb::isinstance<PythonSample>(given)) {
    throw nb::type_error((text + ": return sample.value instead of the sample").c_str());
  }
  if (demand.allows(get_type<Frame>())) text += advice_for_frames(given);
  if (demand.allows(get_type<Detections>())) {
    text += ": create them from your boxes, freshframe.Detections(xyxy, confidence, class_id)";
  }
  throw nb::type_error(text.c_str());
}

namespace {

PyObject* find_generator_type() {
  return nb::object(nb::module_::import_("types").attr("GeneratorType")).release().ptr();
}

bool is_generator(PyObject* given) {
  return Py_TYPE(given) == reinterpret_cast<PyTypeObject*>(made_once<&find_generator_type>());
}

bool is_stamped(PyObject* given) {
  return Py_TYPE(given) == reinterpret_cast<PyTypeObject*>(classes().stamped);
}

// Rejects a list of stamped results: a list counts as one result, so their stamps would be lost.
void refuse_several_stamped(PyObject* result) {
  if (!PyList_CheckExact(result) && !PyTuple_CheckExact(result)) return;
  const bool is_list = PyList_CheckExact(result);
  const auto size = is_list ? PyList_Size(result) : PyTuple_Size(result);
  for (Py_ssize_t i = 0; i < size; ++i) {
    if (!is_stamped(is_list ? PyList_GetItem(result, i) : PyTuple_GetItem(result, i))) continue;
    throw OptionTypeError(
        "returned " + with_article(get_type_name(result)) +
        " that contains a result of stamped(): yield each result, because a list counts as one result");
  }
}

// Converts the result of ff.stamped(), with its stamp and frame.
Emitted stamped_result(gil::Held& held, const Loop& loop, nb::handle given) {
  const nb::object value = given.attr("value");
  const nb::object like = given.attr("like");
  const nb::object frame = given.attr("frame");
  auto result = from_python(held, value, loop.runner.outlet().demand().types);
  check_demand(loop, result, value);
  Frame picture;
  if (nb::isinstance<PythonSample>(like)) picture = nb::inst_ptr<PythonSample>(like)->sample().frame;
  if (!frame.is_none()) picture = nb::cast<Frame>(frame);
  if (result.value) result.frame = std::move(picture);
  result.like = std::make_shared<const Stamp>(read_stamp(like, loop.engine.names()));
  return result;
}

}  // namespace

bool take_output(gil::Held& held, Loop& loop, PyObject* result, const AnySample& from,
                 std::optional<AnySample>& output) {
  output.reset();
  if (result == Py_None) return true;
  PyObject* const converted = raw_call(held, [&] {
    if (is_generator(result)) {
      throw OptionTypeError(
          "returned a generator object instead of its results: use yield, or yield from, in the body of the "
          "function or method passed to add(), so that the engine knows that it yields several");
    }
    Emitted emitted;
    refuse_several_stamped(result);
    if (is_stamped(result)) {
      emitted = stamped_result(held, loop, result);
    } else {
      emitted = from_python(held, result, loop.runner.outlet().demand().types);
      check_demand(loop, emitted, result);
    }
    output = loop.runner.outlet().stamp_result(std::move(emitted), from);
    loop.scale.check(loop.runner.name(), output->value, output->frame);
    return Py_NewRef(Py_None);
  });
  Py_XDECREF(converted);
  return converted != nullptr;
}

void send_output(core::Runner& runner, AnySample& sample, std::optional<AnySample>& output) {
  if (output) runner.outlet().send(*std::exchange(output, std::nullopt));
  sample = {};
}

namespace {

PyObject* make_on_tick_name() {
  return PyUnicode_InternFromString("on_tick");
}

bool send(core::Runner& runner, AnySample* output) {
  runner.outlet().send(std::move(*output));
  return true;
}

// Sends with the GIL held, unless that would have to wait (see Note [The length of a turn]).
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
                 "a generator must yield its results, but it returned %R, which would be lost", value);
  }
  Py_DECREF(value);
  return is_none;
}

// Returns true if a stop must end the generator. One of finish() may run for as long as the stop allows for
// final results.
bool is_over(Loop& loop, Called called, bool was_stopping) {
  if (called == Called::Finish) return !loop.runner.takes_last_results();
  return !was_stopping && loop.runner.place().context().stop.stop_requested();
}

// Runs the generator until it ends or is_over(). Returns false with an exception set.
bool run_generator(gil::Held& held, Loop& loop, PyObject* generator, AnySample& from, Called called) {
  // A sample that arrived after the stop, because it has events, is processed completely.
  const bool was_stopping = loop.runner.place().context().stop.stop_requested();
  while (true) {
    PyObject* item = nullptr;
    const auto state = PyIter_Send(generator, Py_None, &item);
    leave_forked_child(loop, from);
    if (state == PYGEN_ERROR) return false;
    if (state == PYGEN_RETURN) return check_returned(item);
    std::optional<AnySample> output;
    const bool is_valid = take_output(held, loop, item, from, output);
    Py_DECREF(item);
    if (!is_valid) return false;
    if (output) send_now(held, loop, *output);
    if (is_over(loop, called, was_stopping)) return true;
  }
}

// Closes the generator, so that its `finally` clauses run here rather than when the last reference is
// dropped. If they raise, the pending exception becomes the context, as in Python. Returns false with an
// exception set.
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
  if (!gives_several || !is_generator(result)) {
    const bool is_valid = take_output(held, loop, result, from, output);
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
  PyObject* const result =
      given == nullptr ? nullptr : call_method(loop.node, made_once<&make_on_tick_name>(), given);
  Py_XDECREF(given);
  leave_forked_child(loop, tick);
  const bool goes_on = take_result(held, loop, result, tick, Called::OnTick, output);
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
