// The loops of Python nodes. They let the GIL go for everything that waits, and when their turn with it is
// over.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/node/python_node.hpp"

#include "freshframe/vision.hpp"

#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "bindings/classes.hpp"
#include "bindings/engine.hpp"
#include "bindings/errors.hpp"
#include "bindings/format_use.hpp"
#include "bindings/made_once.hpp"
#include "bindings/node/gil_turn.hpp"
#include "bindings/python_free_types.hpp"
#include "bindings/raw_call.hpp"
#include "bindings/sample.hpp"
#include "bindings/value.hpp"
#include "core/frame/frame_access.hpp"

namespace nb = nanobind;

namespace freshframe::python {
namespace {

// Note [No Python object lives across a wait]
// While a loop waits it owns no nb::object: an unwind at finalisation (see gil.hpp) would run its destructor
// without the GIL. What must live across is a borrowed argument of the Python frame below, or native.

// What one node's loop knows.
struct Loop {
  Engine& engine;
  core::Worker& worker;
  PyObject* node;     // borrowed from the caller
  bool takes_values;  // a function: it gets the value, not the sample
  GilTurn turn{};
};

// Hands an exception to the engine; true: the node goes on (on_error="skip").
bool fail(gil::Held& held, Loop& loop, const TakenError& taken, const AnySample* sample) {
  if (loop.worker.is_source()) name_source(held, *taken.object, loop.worker.name());
  auto traceback = loop.worker.wants_traceback(sample) ? traceback_text(held, *taken.object) : std::string();
  const bool goes_on = loop.worker.fail(taken.error, taken.text, sample, std::move(traceback));
  if (!goes_on) loop.engine.keep_failure(taken.object);
  return goes_on;
}

// The same of the exception that is set.
bool fail(gil::Held& held, Loop& loop, const AnySample* sample) {
  return fail(held, loop, take_python_error(held), sample);
}

// The same, of a call that failed for all of `samples`.
bool fail_batch(gil::Held& held, Loop& loop, std::span<const AnySample> samples) {
  const auto taken = take_python_error(held);
  auto traceback =
      loop.worker.wants_traceback(&samples.front()) ? traceback_text(held, *taken.object) : std::string();
  const bool goes_on = loop.worker.fail_batch(taken.error, taken.text, samples, std::move(traceback));
  if (!goes_on) loop.engine.keep_failure(taken.object);
  return goes_on;
}

// Runs `Step` on the worker without the GIL and meters how long the GIL was held before and waited for after.
template <auto Step, class... A>
bool without_gil(gil::Held& held, Loop& loop, A... args) {
  loop.turn.end(loop.worker);
  GilTurn::Clock::time_point wanted;
  const bool result = gil::release(
      held,
      [](core::Worker* worker, GilTurn* turn, GilTurn::Clock::time_point* done, A... step_args) {
        const bool value = Step(*worker, step_args...);
        *done = turn->let_others_in();
        if (!worker->finished()) worker->set_state(NodeState::WaitingGil);
        return value;
      },
      &loop.worker, &loop.turn, &wanted, args...);
  loop.turn.begin(loop.worker, wanted);
  return result;
}

// Calls the method of that name if there is one. Null: with an exception set, of the look-up or the call.
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

// Thrown in a child that was forked inside a call of the node: it must touch nothing of its parent's engine,
// whose locks may be held by threads that it does not have.
struct InForkedChild {};

void leave_forked_child(const Loop& loop) {
  if (loop.engine.forked()) throw InForkedChild{};
}

bool call_hook(gil::Held& held, Loop& loop, const char* name) {
  PyObject* result = call_if_there(loop.node, name);
  leave_forked_child(loop);
  Py_XDECREF(result);
  if (result != nullptr) return true;
  fail(held, loop, nullptr);
  return false;
}

// What the node sees: a Sample or a value. Null with an exception set when it cannot be made.
PyObject* argument(gil::Held& held, Loop& loop, const AnySample& sample) {
  return raw_call(held, [&]() -> PyObject* {
    const auto& core = loop.engine.core();
    const auto holder = core::Graph::holder_of(static_cast<std::size_t>(loop.worker.index()));
    core.budget()->check_held(holder, core.options().max_held_bytes);
    auto given = sample;
    given.frame = core::FrameAccess::loan(given.frame, holder);
    auto object = make_sample(std::move(given), *loop.engine.names());
    if (loop.takes_values) object = object.attr("value");
    return object.release().ptr();
  });
}

PyObject* make_process_name() {
  return PyUnicode_InternFromString("process");
}

PyObject* process_name() {
  return made_once<&make_process_name>();
}

// A child's refusal would name the child: the node that gave the wrong value is told here.
void check_demand(const Loop& loop, const Emitted& output, nb::handle given) {
  const auto& demand = loop.worker.demand();
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

// What the node gave for one sample; nullopt with an exception set when that cannot be. Without value and frame:
// nothing is emitted.
std::optional<Emitted> output_of(gil::Held& held, Loop& loop, PyObject* result) {
  std::optional<Emitted> output(std::in_place);
  if (result == Py_None) return output;
  PyObject* converted = raw_call(held, [&] {
    output = from_python(held, result, loop.worker.demand().types);
    check_demand(loop, *output, result);
    return Py_NewRef(Py_None);
  });
  if (converted == nullptr) output.reset();
  Py_XDECREF(converted);
  return output;
}

// Calls the node; nullopt with an exception set when it failed.
std::optional<Emitted> call(gil::Held& held, Loop& loop, const AnySample& sample) {
  PyObject* given = argument(held, loop, sample);
  if (given == nullptr) return std::nullopt;
  PyObject* result = loop.takes_values ? PyObject_CallOneArg(loop.node, given)
                                       : PyObject_CallMethodOneArg(loop.node, process_name(), given);
  Py_DECREF(given);
  if (result == nullptr) return std::nullopt;
  auto output = output_of(held, loop, result);
  Py_DECREF(result);
  return output;
}

void emit_output(core::Worker& worker, AnySample& sample, std::optional<Emitted>& output) {
  if (output && (output->value || output->frame)) worker.emit(*std::exchange(output, std::nullopt), sample);
  sample = {};
}

// Emits what was made of `sample` and takes the next one into it, in one go without the GIL.
bool emit_and_take(core::Worker& worker, AnySample* sample, std::optional<Emitted>* output, FormatUse use,
                   GilTurn* turn) {
  emit_output(worker, *sample, *output);
  if (!worker.take(*sample)) {
    turn->queue_to_leave();
    return false;
  }
  use.make(sample->frame);
  return true;
}

// The same with the GIL held, when neither has to wait (see Note [The length of a turn]). False: take() on.
bool go_on(Loop& loop, AnySample& sample, std::optional<Emitted>& output, FormatUse use) {
  if (use.any() || !loop.turn.has_time() || loop.worker.would_wait()) return false;
  emit_output(loop.worker, sample, output);
  return loop.worker.try_take(sample);
}

void node_loop(gil::Held& held, Loop& loop) {
  AnySample sample;
  std::optional<Emitted> output;
  while (true) {
    const auto use = FormatUse::next(&loop);
    if (!go_on(loop, sample, output, use) &&
        !without_gil<&emit_and_take>(held, loop, &sample, &output, use, &loop.turn)) {
      return;
    }
    gil::DeferredFree::instance().drain(held);
    loop.worker.begin_work();
    output = call(held, loop, sample);
    if (loop.engine.forked()) {
      new AnySample(std::move(sample));  // never freed in the child
      leave_forked_child(loop);
    }
    loop.worker.end_work();
    if (!output && !fail(held, loop, &sample)) return;
  }
}

// ---- batches

using Outputs = std::vector<std::optional<Emitted>>;

PyObject* arguments(gil::Held& held, Loop& loop, std::span<const AnySample> samples) {
  PyObject* const list = PyList_New(static_cast<Py_ssize_t>(samples.size()));
  if (list == nullptr) return nullptr;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    PyObject* const given = argument(held, loop, samples[i]);
    if (given == nullptr) {
      Py_DECREF(list);
      return nullptr;
    }
    PyList_SET_ITEM(list, static_cast<Py_ssize_t>(i), given);
  }
  return list;
}

// Calls the node with all samples: a list or tuple with an entry for each, or null with an exception set.
PyObject* call_batch(gil::Held& held, Loop& loop, std::span<const AnySample> samples) {
  PyObject* const given = arguments(held, loop, samples);
  if (given == nullptr) return nullptr;
  PyObject* const results = loop.takes_values ? PyObject_CallOneArg(loop.node, given)
                                              : PyObject_CallMethod(loop.node, "process_batch", "(O)", given);
  Py_DECREF(given);
  if (results == nullptr) return nullptr;
  const bool is_list = PyList_Check(results) || PyTuple_Check(results);
  const auto count = is_list ? PySequence_Fast_GET_SIZE(results) : 0;
  if (is_list && count == static_cast<Py_ssize_t>(samples.size())) {
    PyObject* const own = PySequence_Tuple(results);  // what converts an entry may change a list
    Py_DECREF(results);
    return own;
  }
  const char* const what = loop.takes_values ? "a function with a batch" : "process_batch()";
  if (is_list) {
    PyErr_Format(classes().option_error, "%s must return one result per sample: it returned %zd for %zu",
                 what, count, samples.size());
  } else {
    PyErr_Format(classes().option_type_error, "%s must return a list with one result per sample, got %.200s",
                 what, Py_TYPE(results)->tp_name);
  }
  Py_DECREF(results);
  return nullptr;
}

// Emits what was made of the first of `samples`.
bool emit_outputs(core::Worker& worker, std::vector<AnySample>* samples, Outputs* outputs) {
  for (std::size_t i = 0; i < outputs->size(); ++i) emit_output(worker, (*samples)[i], (*outputs)[i]);
  outputs->clear();
  return true;
}

// The same, then gathers the next batch, in one go without the GIL.
bool emit_and_gather(core::Worker& worker, std::vector<AnySample>* samples, Outputs* outputs, FormatUse use,
                     GilTurn* turn) {
  emit_outputs(worker, samples, outputs);
  samples->clear();
  if (!worker.take_batch(*samples)) {
    turn->queue_to_leave();
    return false;
  }
  for (const auto& sample : *samples) use.make(sample.frame);
  return true;
}

// Takes the outputs out of the results. False: one of them ends the node.
bool take_results(gil::Held& held, Loop& loop, PyObject* results, std::vector<AnySample>& samples,
                  Outputs& outputs) {
  for (std::size_t i = 0; i < samples.size(); ++i) {
    PyObject* const item = PyTuple_GET_ITEM(results, static_cast<Py_ssize_t>(i));
    std::optional<Emitted> output;
    if (PyExceptionInstance_Check(item)) {
      PyErr_SetObject(PyExceptionInstance_Class(item), item);
    } else {
      output = output_of(held, loop, item);
    }
    if (!output) {
      const auto taken = take_python_error(held);
      if (loop.worker.stops_on_error()) {  // those before it go out first
        Py_DECREF(results);
        without_gil<&emit_outputs>(held, loop, &samples, &outputs);
        return fail(held, loop, taken, &samples[i]);
      }
      fail(held, loop, taken, &samples[i]);
    }
    outputs.push_back(std::move(output));
  }
  Py_DECREF(results);
  return true;
}

void batch_loop(gil::Held& held, Loop& loop) {
  std::vector<AnySample> samples;
  Outputs outputs;
  while (without_gil<&emit_and_gather>(held, loop, &samples, &outputs, FormatUse::next(&loop), &loop.turn)) {
    gil::DeferredFree::instance().drain(held);
    loop.worker.begin_work();
    PyObject* const results = call_batch(held, loop, samples);
    if (loop.engine.forked()) {
      new std::vector<AnySample>(std::move(samples));  // never freed in the child
      leave_forked_child(loop);
    }
    loop.worker.end_batch(samples.size());
    const bool goes_on = results != nullptr ? take_results(held, loop, results, samples, outputs)
                                            : fail_batch(held, loop, samples);
    if (!goes_on) return;
  }
}

// ---- sources

struct StopToken {
  std::stop_token token;
  std::shared_ptr<const Clock> clock;
};

constexpr const char* kYields = "Source.read() must yield (value, pts) or (value, pts, captured)";

bool publish(core::Worker& worker, SourceItem<Emitted>* item) {
  return worker.publish(std::move(*item));
}

// Without letting the GIL go, when nothing has to wait.
bool publish_next(gil::Held& held, Loop& loop, SourceItem<Emitted>& item) {
  if (loop.turn.has_time() && !loop.worker.would_wait(item)) return loop.worker.publish(std::move(item));
  return without_gil<&publish>(held, loop, &item);
}
bool wait_for_go(core::Worker& worker) {
  return worker.wait_for_go();
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

// What a source yields: (value, pts) or (value, pts, captured).
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
  loop.worker.begin_work();
  PyObject* item = PyIter_Next(iterator);
  leave_forked_child(loop);
  if (item == nullptr) {
    loop.worker.set_state(NodeState::Waiting);
    return std::nullopt;
  }
  loop.worker.end_read();
  std::optional<SourceItem<Emitted>> output;
  PyObject* converted = raw_call(held, [&] {
    output = parse_item(held, item, loop.worker.demand().types);
    check_demand(loop, output->value, PyTuple_GET_ITEM(item, 0));
    return Py_NewRef(Py_None);
  });
  if (converted == nullptr) output.reset();
  Py_XDECREF(converted);
  Py_DECREF(item);
  return output;
}

PyObject* open_iterator(gil::Held& held, Loop& loop) {
  PyObject* token = raw_call(held, [&] {
    return nb::cast(StopToken{loop.engine.core().source_stop_token(), loop.engine.core().clock()})
        .release()
        .ptr();
  });
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

// ---- the thread's body

bool open_step(core::Worker& worker) {
  return worker.open_step();
}
bool close_step(core::Worker& worker) {
  worker.close_step();
  return true;
}

// open(), everything between, close().
void run_opened(gil::Held& held, Loop& loop) {
  const bool hooks = !loop.takes_values;
  const bool opened = !hooks || call_hook(held, loop, "open");
  if (without_gil<&open_step>(held, loop) && opened) {
    if (loop.worker.is_source()) {
      run_source(held, loop);
    } else {
      loop.worker.batch() ? batch_loop(held, loop) : node_loop(held, loop);
    }
  }
  loop.worker.set_state(NodeState::Working);
  if (hooks && opened) call_hook(held, loop, "close");
}

// What the child's own code raised goes on; a plain return is refused.
PyObject* raise_in_forked_child(const std::string& node) {
  if (PyErr_Occurred() != nullptr) return nullptr;
  throw StateError(
      "node '" + node +
      "' came back in a child process that it forked: the pipeline and its threads are the parent's. "
      "End such a child with os._exit(), or start processes with subprocess or multiprocessing's "
      "'spawn'");
}

PyObject* run(gil::Held& held, PyObject* /*module*/, PyObject* args) {
  PyObject* engine = nullptr;
  PyObject* node = nullptr;
  int index = 0;
  int takes_values = 0;
  if (PyArg_ParseTuple(args, "OiOp:run_node", &engine, &index, &node, &takes_values) == 0) return nullptr;
  return raw_call(held, [&] {
    auto& owner = *nb::inst_ptr<Engine>(engine);
    if (!owner.begin(index)) return Py_NewRef(Py_None);
    Loop loop{owner, owner.core().worker(index), node, takes_values != 0};
    auto& worker = loop.worker;
    if (owner.launched_by_this_thread()) {
      refuse_green_thread(held, owner, worker);
      return Py_NewRef(Py_None);
    }
    worker.adopt_thread();
    try {
      run_opened(held, loop);
    } catch (const abi::__forced_unwind&) {
      throw;
    } catch (const InForkedChild&) {
      return raise_in_forked_child(worker.name());
    } catch (...) {  // the engine itself failed, for want of memory: the pipeline ends all the same
      worker.fail(std::current_exception(), "the engine failed", nullptr);
    }
    without_gil<&close_step>(held, loop);
    return Py_NewRef(Py_None);
  });
}

bool stop_wait(gil::Held& held, StopToken& self, nb::handle given) {
  double seconds = 0;
  if (!nb::try_cast(given, seconds)) {
    throw OptionTypeError("wait() needs a number of seconds, got " + std::string(nb::repr(given).c_str()));
  }
  if (std::isnan(seconds)) throw OptionError("wait() needs a number of seconds, got nan");
  if (self.token.stop_requested() || seconds <= 0) return self.token.stop_requested();
  gil::release(
      held,
      [](const std::stop_token* token, const Clock* clock, double span) {
        clock->sleep_until(clock->now() + to_duration(Seconds(span)), *token);
      },
      &self.token, self.clock.get(), seconds);
  return self.token.stop_requested();
}

PyMethodDef run_node_method = {"run_node", gil::entry<&run>, METH_VARARGS,
                               "run_node(engine, index, node, takes_values)\n--\n\nThe body of a Python "
                               "node's thread. GIL: released while waiting"};

}  // namespace

// A "thread" that is no thread of the system, as gevent and eventlet make: a wait in it would stop the
// program.
void refuse_green_thread(gil::Held& held, Engine& engine, core::Worker& worker) {
  engine.core().refuse(std::make_exception_ptr(StateError(
      "node '" + worker.name() +
      "' needs a thread of its own, but threading.Thread runs on the thread that called start(): gevent "
      "or eventlet has replaced it. Leave threads alone, as with gevent.monkey.patch_all(thread=False)")));
  gil::release(
      held,
      [](core::Worker* target) {
        target->open_step();
        target->close_step();
      },
      &worker);
}

void bind_python_nodes(nb::module_& module) {
  nb::class_<StopToken>(module, "StopToken", nb::is_final(),
                        "Tells a source that its pipeline stops; given to Source.read().")
      .def_prop_ro(
          "stopped", [](const StopToken& self) { return self.token.stop_requested(); },
          "True once the pipeline stops.")
      .def(
          "__bool__", [](const StopToken& self) { return self.token.stop_requested(); }, "As `stopped`.")
      .def("wait", gil::entry<&stop_wait>, nb::arg("seconds"),
           nb::sig("def wait(self, seconds: float) -> bool"),
           "Sleeps for `seconds`, or until the pipeline stops; returns `stopped`. Use it instead of "
           "time.sleep(). "
           "GIL: released while waiting");
  module.attr("run_node") = nb::steal(PyCFunction_NewEx(&run_node_method, nullptr, nullptr));
}

}  // namespace freshframe::python
