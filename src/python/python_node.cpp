// The loops of Python nodes. They take the GIL once per sample and let it go for everything that waits.
// SPDX-License-Identifier: Apache-2.0
#include "python/python_node.hpp"

#include <chrono>
#include <cmath>
#include <ctime>
#include <optional>
#include <utility>

#include "python/python_classes.hpp"
#include "python/python_engine.hpp"
#include "python/python_errors.hpp"
#include "python/python_free.hpp"
#include "python/python_sample.hpp"
#include "python/python_value.hpp"
#include "python/raw_call.hpp"

namespace nb = nanobind;

namespace freshframe::python {
namespace {

using Real = std::chrono::steady_clock;

double thread_cpu_seconds() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) * 1e-9;
}

// Note [No Python object lives across a wait]
// While a loop waits it owns no nb::object: an unwind at finalisation (see gil.hpp) would run its destructor
// without the GIL. What must live across is a borrowed argument of the Python frame below, or native.

// What one node's loop knows. `computed` is its thread's processor
// time when it last got the GIL: what it computes from then on keeps the GIL from others, what it sleeps does
// not.
struct Loop {
  Engine& engine;
  Worker& worker;
  PyObject* node;     // borrowed from the caller
  bool takes_values;  // a function: it gets the value, not the sample
  double computed = thread_cpu_seconds();
};

// Takes the exception that is set and hands it to the engine; true: the node goes on (on_error="skip").
bool fail(gil::Held& held, Loop& loop, const AnySample* sample) {
  const auto taken = take_python_error(held);
  if (loop.worker.is_source()) name_source(held, *taken.object, loop.worker.name());
  auto traceback = loop.worker.wants_traceback(sample) ? traceback_text(held, *taken.object) : std::string();
  const bool goes_on = loop.worker.fail(taken.error, taken.text, sample, std::move(traceback));
  if (!goes_on) loop.engine.keep_failure(taken.object);
  return goes_on;
}

// Runs `Step` on the worker without the GIL and meters how long the GIL was held before and waited for after.
template <auto Step, class... A>
bool without_gil(gil::Held& held, Loop& loop, A... args) {
  loop.worker.meter_lock(0, thread_cpu_seconds() - loop.computed);
  Real::time_point wanted;
  const bool result = gil::release(
      held,
      [](Worker* worker, Real::time_point* done, A... step_args) {
        const bool value = Step(*worker, step_args...);
        *done = Real::now();
        if (!worker->finished()) worker->set_state(NodeState::WaitingLock);
        return value;
      },
      &loop.worker, &wanted, args...);
  loop.computed = thread_cpu_seconds();
  loop.worker.meter_lock(std::chrono::duration<double>(Real::now() - wanted).count(), 0);
  return result;
}

bool has_method(PyObject* node, const char* name) {
  return PyObject_HasAttrString(node, name) != 0;
}

bool call_hook(gil::Held& held, Loop& loop, const char* name) {
  if (!has_method(loop.node, name)) return true;
  PyObject* result = PyObject_CallMethod(loop.node, name, nullptr);
  Py_XDECREF(result);
  if (result != nullptr) return true;
  fail(held, loop, nullptr);
  return false;
}

void check_held_bytes(const Loop& loop) {
  const auto& core = loop.engine.core();
  const auto bytes = core.budget()->held_bytes();
  const auto limit = core.options().max_held_bytes;
  if (bytes <= limit) return;
  throw FramesHeld("node '" + loop.worker.name() + "' gets no more frames: " + std::to_string(bytes >> 20) +
                   " MiB of pictures are already held outside the engine, the limit is " +
                   std::to_string(limit >> 20) + " MiB. Let frames go, or raise max_held_bytes");
}

// What the node sees: a Sample or a value. Null with an exception set when it cannot be made.
PyObject* argument(gil::Held& held, Loop& loop, const AnySample& sample) {
  return raw_call(held, [&]() -> PyObject* {
    check_held_bytes(loop);
    auto given = sample;
    given.frame = given.frame.as_loan();
    auto object = make_sample(std::move(given), *loop.engine.names());
    if (loop.takes_values) object = object.attr("value");
    return object.release().ptr();
  });
}

PyObject* process_name() {
  static PyObject* const name = PyUnicode_InternFromString("process");
  return name;
}

// Calls the node; nullopt with an exception set when it failed. A result without value and frame: nothing is
// emitted.
std::optional<Output> call(gil::Held& held, Loop& loop, const AnySample& sample) {
  PyObject* given = argument(held, loop, sample);
  if (given == nullptr) return std::nullopt;
  PyObject* result = loop.takes_values ? PyObject_CallOneArg(loop.node, given)
                                       : PyObject_CallMethodOneArg(loop.node, process_name(), given);
  Py_DECREF(given);
  if (result == nullptr) return std::nullopt;
  std::optional<Output> output(std::in_place);
  if (result != Py_None) {
    PyObject* converted = raw_call(held, [&] {
      output = from_python(held, result);
      return Py_NewRef(Py_None);
    });
    if (converted == nullptr) output.reset();
    Py_XDECREF(converted);
  }
  Py_DECREF(result);
  return output;
}

// Emits what was made of `sample` and takes the next one into it, in one go without the GIL.
bool emit_and_take(Worker& worker, AnySample* sample, std::optional<Output>* output) {
  if (*output && ((*output)->value || (*output)->frame))
    worker.emit(*std::exchange(*output, std::nullopt), *sample);
  *sample = {};
  return worker.take(*sample);
}

void node_loop(gil::Held& held, Loop& loop) {
  AnySample sample;
  std::optional<Output> output;
  while (without_gil<&emit_and_take>(held, loop, &sample, &output)) {
    gil::DeferredFree::instance().drain(held);
    loop.worker.begin_work();
    output = call(held, loop, sample);
    loop.worker.end_work();
    if (!output && !fail(held, loop, &sample)) return;
  }
}

// ---- sources

struct StopToken {
  std::stop_token token;
  std::shared_ptr<const Clock> clock;
};

constexpr const char* kYields = "Source.read() must yield (value, pts) or (value, pts, captured)";

bool publish(Worker& worker, SourceOutput* item) {
  return worker.publish(std::move(*item));
}
bool wait_for_go(Worker& worker) {
  return worker.wait_for_go();
}

double number(PyObject* object, const char* what) {
  const double value = PyFloat_AsDouble(object);
  if (value == -1.0 && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw nb::type_error((std::string(kYields) + "; " + what + " must be a number of seconds, got " +
                          nb::repr(nb::handle(object)).c_str())
                             .c_str());
  }
  if (!std::isfinite(value)) {
    throw nb::value_error((std::string("Source.read() yielded ") + what + " = " +
                           nb::repr(nb::handle(object)).c_str() +
                           "; it must be a number of seconds that is not infinite")
                              .c_str());
  }
  return value;
}

// What a source yields: (value, pts) or (value, pts, captured).
SourceOutput parse_item(gil::Held& held, PyObject* item) {
  const auto size = PyTuple_Check(item) ? PyTuple_GET_SIZE(item) : 0;
  if (size != 2 && size != 3) {
    throw nb::type_error((std::string(kYields) + ", got " + nb::repr(nb::handle(item)).c_str()).c_str());
  }
  SourceOutput output;
  output.output = from_python(held, PyTuple_GET_ITEM(item, 0));
  output.pts = number(PyTuple_GET_ITEM(item, 1), "pts");
  if (size == 3)
    output.captured = TimePoint(to_duration(Seconds(number(PyTuple_GET_ITEM(item, 2), "captured"))));
  return output;
}

// The next item; nullopt at the end, or with an exception set.
std::optional<SourceOutput> next_item(gil::Held& held, Loop& loop, PyObject* iterator) {
  loop.worker.begin_work();
  PyObject* item = PyIter_Next(iterator);
  if (item == nullptr) {
    loop.worker.set_state(NodeState::Waiting);
    return std::nullopt;
  }
  loop.worker.end_read();
  std::optional<SourceOutput> output;
  PyObject* converted = raw_call(held, [&] {
    output = parse_item(held, item);
    return Py_NewRef(Py_None);
  });
  Py_XDECREF(converted);
  Py_DECREF(item);
  return output;
}

PyObject* open_iterator(gil::Held& held, Loop& loop) {
  PyObject* token = raw_call(held, [&] {
    return nb::cast(StopToken{loop.engine.core().stop_token(), loop.engine.core().clock()}).release().ptr();
  });
  if (token == nullptr) return nullptr;
  PyObject* iterable = PyObject_CallMethod(loop.node, "read", "(O)", token);
  Py_DECREF(token);
  if (iterable == nullptr) return nullptr;
  PyObject* iterator = PyObject_GetIter(iterable);
  if (iterator == nullptr && PyErr_ExceptionMatches(PyExc_TypeError) != 0) {
    PyErr_Format(PyExc_TypeError, "%s, as a generator does; it returned %R", kYields, iterable);
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
    if (!without_gil<&publish>(held, loop, &*item)) return;
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
  if (has_method(iterator, "close")) {  // a generator: its finally clauses run now, on this thread
    PyObject* closed = PyObject_CallMethod(iterator, "close", nullptr);
    Py_XDECREF(closed);
    if (closed == nullptr) fail(held, loop, nullptr);
  }
  Py_DECREF(iterator);
}

// ---- the thread's body

bool open_step(Worker& worker) {
  return worker.open_step();
}
bool close_step(Worker& worker) {
  worker.close_step();
  return true;
}

// open(), everything between, close().
void run_opened(gil::Held& held, Loop& loop) {
  const bool hooks = !loop.takes_values;
  const bool opened = !hooks || call_hook(held, loop, "open");
  if (without_gil<&open_step>(held, loop) && opened) {
    loop.worker.is_source() ? run_source(held, loop) : node_loop(held, loop);
  }
  loop.worker.set_state(NodeState::Working);
  if (hooks && opened) call_hook(held, loop, "close");
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
    worker.adopt_thread();
    try {
      run_opened(held, loop);
    } catch (const abi::__forced_unwind&) {
      throw;
    } catch (...) {  // the engine itself failed, for want of memory: the pipeline ends all the same
      worker.fail(std::current_exception(), "the engine failed", nullptr);
    }
    without_gil<&close_step>(held, loop);
    return Py_NewRef(Py_None);
  });
}

bool stop_wait(gil::Held& held, StopToken& self, double seconds) {
  if (std::isnan(seconds)) throw GraphError("wait() needs a number of seconds, got nan");
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

void bind_python_nodes(nb::module_& module) {
  nb::class_<StopToken>(module, "StopToken", nb::is_final(),
                        "Tells a source that its pipeline stops; given to Source.read().")
      .def_prop_ro(
          "stopped", [](const StopToken& self) { return self.token.stop_requested(); },
          "True once the pipeline stops. GIL: held")
      .def(
          "__bool__", [](const StopToken& self) { return self.token.stop_requested(); },
          "As `stopped`. GIL: held")
      .def("wait", gil::entry<&stop_wait>, nb::arg("seconds"),
           "Sleeps for `seconds`, or until the pipeline stops; returns `stopped`. Use it instead of "
           "time.sleep(). "
           "GIL: released while waiting");
  module.attr("run_node") = nb::steal(PyCFunction_NewEx(&run_node_method, nullptr, nullptr));
}

}  // namespace freshframe::python
