// The Engine class: building, life, statistics. Waits are plain C functions (see raw_call.hpp).
// SPDX-License-Identifier: Apache-2.0
#include "bindings/engine/engine.hpp"

#include "freshframe/native.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/border/python_free_types.hpp"
#include "bindings/border/raw_call.hpp"
#include "bindings/border/text.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/parts.hpp"
#include "core/pipeline/changes/changes.hpp"
#include "core/pipeline/let_go.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/runner/successor.hpp"
#include "core/pipeline/views/ports.hpp"
#include "core/pipeline/views/statistics.hpp"
#include "core/real_deadline.hpp"
#include "platform/forced_unwind.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::gil {

// The engine's only Python object is a failure, stored as a gil::Ref.
template <>
inline constexpr bool python_free<python::Engine> = true;

}  // namespace freshframe::gil

namespace freshframe::python {
Engine::~Engine() {
  if (guard_.has_forked() && served_) served_->forget_in_child();
  // keeps the core alive; joins its threads, which never need the GIL, so that takes little time
  served_.reset();
  const bool running = guard_.has_forked() || (core_->life().has_started() && !core_->life().has_ended());
  if (!running) {
    core_.reset();
    failure_.reset();
    // may release an exception that a failure keeps; a destructor of a Python object holds the GIL
    gil::entry<&drain_deferred>();
    return;
  }
  if (!guard_.has_forked()) core_->request_stop();
  core::let_go(std::move(core_));
}

int Engine::traverse(gil::Held& held, PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  if (!nb::inst_ready(self)) return 0;
  const auto* engine = nb::inst_ptr<Engine>(self);
  if (engine->failure_) Py_VISIT(engine->failure_->get(held));
  return 0;
}

int Engine::clear(gil::Held& held, PyObject* self) {
  const auto* engine = nb::inst_ptr<Engine>(self);
  if (engine->failure_) engine->failure_->clear(held);
  return 0;
}

std::vector<AnyPort> any_ports(const Parents& parents) {
  std::vector<AnyPort> ports;
  for (const auto& [node, source] : parents) ports.emplace_back(node, source);
  return ports;
}

namespace {

void check_unused(const NodeHandle& handle) {
  if (handle.calls > 0) {
    throw StateError("this " + handle.get().default_name() +
                     " is in a call on another thread: add it after the call, or create a second one");
  }
  if (handle.node) return;
  throw GraphError("this " + handle.get().default_name() +
                   " belongs or belonged to a pipeline: create a second one");
}

int add_node(Engine& self, NodeHandle& handle, const Parents& parents, const AddOptions& options) {
  check_unused(handle);
  native::claim(*handle.node);
  std::shared_ptr<core::Runner> runner;
  // Makes the handle keep the node alive, even if add() fails later or the node is removed immediately.
  const auto keep = [&] {
    handle.owner = self.shared_core();
    handle.added = runner->node();
  };
  try {
    const int index =
        core::add_node(self.core(), std::move(handle.node), any_ports(parents), options, &runner);
    keep();
    return index;
  } catch (...) {  // a traceback may keep the handle alive
    handle.node ? native::unclaim(*handle.node) : keep();
    throw;
  }
}

void request_stop_within(gil::Held& held, Engine& self, double seconds) {
  gil::release(
      held,
      [](core::PipelineCore* target, double limit) {
        target->request_stop(Seconds(limit));  // no more nodes will be added
        if (!target->life().has_started()) return;
        for (const auto& runner : target->runners()) core::end_if_threadless(*runner);
      },
      &self.core(), seconds);
}

void request_stop(gil::Held& held, Engine& self) {
  request_stop_within(held, self, core::kStopTime.count());
}

// ---- calls that may wait

Engine& get_engine(PyObject* self) {
  if (!nb::inst_ready(self)) throw nb::type_error("this Engine was not made by a Pipeline");
  return *nb::inst_ptr<Engine>(self);
}

// Runs Python's signal handlers; an exception from them ends the wait.
void look_for_signals(gil::Released& released) {
  gil::acquire(released, [](gil::Held& held) {
    if (PyErr_CheckSignals() != 0) std::rethrow_exception(take_python_error(held).error);
  });
}

// Returns seconds; infinity for None; negative if an exception is set.
double read_seconds(PyObject* timeout) {
  return timeout == Py_None ? std::numeric_limits<double>::infinity() : PyFloat_AsDouble(timeout);
}

PyObject* start(gil::Held& held, PyObject* self, PyObject* start_outside) {
  return raw_call(held, [&]() -> PyObject* {
    auto& engine = get_engine(self);
    const gil::Ref callable(held, start_outside);
    gil::release(
        held,
        [](gil::Released& released, Engine* owner, core::PipelineCore* core, const gil::Ref& call) {
          const auto start_threads = [&] {
            gil::acquire(released, [&](gil::Held& again) {
              // called here, because only the first of several start() calls gets this far
              owner->note_launcher();
              PyObject* const result = PyObject_CallNoArgs(call.get(again));
              if (result == nullptr) std::rethrow_exception(take_python_error(again).error);
              Py_DECREF(result);
            });
          };
          core->start({.start_outside = start_threads, .hook = [&] { look_for_signals(released); }});
        },
        &engine, &engine.core(), callable);
    Py_RETURN_NONE;
  });
}

// Second step of add(): waits until the node has opened, then connects it. Does nothing before start().
PyObject* finish_add(gil::Held& held, PyObject* self, PyObject* index) {
  return raw_call(held, [&]() -> PyObject* {
    const int node = static_cast<int>(PyLong_AsLong(index));
    gil::release(
        held,
        [](gil::Released& released, core::PipelineCore* core, int added) {
          core::finish_add(*core, added, [&] { look_for_signals(released); });
        },
        &get_engine(self).core(), node);
    Py_RETURN_NONE;
  });
}

PyObject* give_up_add(gil::Held& held, PyObject* self, PyObject* index) {
  return raw_call(held, [&]() -> PyObject* {
    const int node = static_cast<int>(PyLong_AsLong(index));
    auto& engine = get_engine(self);
    const auto runner = engine.core().runner(node);
    const bool has_begun = engine.core().life().has_started();
    const bool threadless =
        runner && (!has_begun || (engine.core().life().pending(node) && runner->facts().runs_outside &&
                                  runner->life().claim()));
    gil::release(
        held,
        [](core::PipelineCore* core, int added, bool has_no_thread) {
          has_no_thread ? core::give_up_add(*core, added) : core::abandon_add(*core, added);
        },
        &engine.core(), node, threadless);
    Py_RETURN_NONE;
  });
}

PyObject* remove(gil::Held& held, PyObject* self, PyObject* args) {
  int node = 0;
  int drain = 0;
  double timeout = 0;
  if (PyArg_ParseTuple(args, "ipd:remove", &node, &drain, &timeout) == 0) return nullptr;
  return raw_call(held, [&]() -> PyObject* {
    Stats books;
    gil::release(
        held,
        [](gil::Released& released, core::PipelineCore* core, int index, bool drains, double limit,
           Stats* into) {
          *into = core::remove_node(*core, index, {.drain = drains, .timeout = Seconds(limit)},
                                    [&] { look_for_signals(released); });
        },
        &get_engine(self).core(), node, drain != 0, timeout, &books);
    return nb::cast(std::move(books)).release().ptr();
  });
}

std::shared_ptr<core::Successor> begin_replace(Engine& self, NodeHandle& handle, int index) {
  check_unused(handle);
  native::claim(*handle.node);
  try {
    handle.successor = core::begin_replace(self.core(), index, std::move(handle.node), &handle.added);
  } catch (...) {
    if (handle.node) {
      native::unclaim(*handle.node);
    } else if (get_hosted(handle.get()) != nullptr) {
      handle.added.reset();  // the replacement failed, so the caller closes the node
    }
    throw;
  }
  handle.owner = self.shared_core();
  return handle.successor;
}

std::exception_ptr pending_error() {
  return std::make_exception_ptr(nb::python_error());
}

// Closes the node that is left over after a replacement. A signal handler may raise at any line of Python, so
// close() is called from C++, and called again if a handler could have interrupted it.
std::exception_ptr close_hosted(PyObject* place, NodeBase* node) {
  const auto* const hosted = node == nullptr ? nullptr : get_hosted(*node);
  if (hosted == nullptr) return {};
  const auto object = nb::borrow(hosted->object);
  std::exception_ptr error;
  if (!hosted->takes_values) error = call_close(object);
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (nb::steal(PyObject_CallMethod(place, "forget", "O", object.ptr())).is_valid()) break;
    if (auto cut = pending_error(); !error) error = std::move(cut);
  }
  return error;
}

// Combines the exceptions of replace(): one from waiting must not hide one from close().
std::exception_ptr with_close(PyObject* place, std::exception_ptr error, std::exception_ptr of_close) {
  if (!error) return of_close;
  if (!of_close) return error;
  try {
    std::rethrow_exception(of_close);
  } catch (nb::python_error& closing) {
    closing.restore();
    PyErr_WriteUnraisable(place);
  }
  return error;
}

// Replaces a running node. `entry` is added to the place's list before anything waits, with no line of Python
// in between at which a signal handler could run. `begun` releases the thread that waits for the replacement.
PyObject* replace(gil::Held& held, PyObject* self, PyObject* args) {
  int index = 0;
  PyObject* given = nullptr;
  PyObject* entry = nullptr;
  PyObject* place = nullptr;
  PyObject* begun = nullptr;
  double timeout = 0;
  if (PyArg_ParseTuple(args, "iOOOOd:replace", &index, &given, &entry, &place, &begun, &timeout) == 0)
    return nullptr;
  return raw_call(held, [&]() -> PyObject* {
    auto& handle = nb::cast<NodeHandle&>(nb::handle(given));
    auto& core = get_engine(self).core();
    const auto successor = begin_replace(get_engine(self), handle, index);
    if (PyList_Append(nb::object(nb::handle(place).attr("entries")).ptr(), entry) != 0)
      throw nb::python_error();
    if (begun != Py_None && !nb::steal(PyObject_CallNoArgs(begun)).is_valid()) throw nb::python_error();
    bool is_callers = true;
    std::exception_ptr error;
    try {
      is_callers = gil::release(
          held,
          [](gil::Released& released, core::PipelineCore* owner, core::Successor* next, double limit) {
            return core::finish_replace(*owner, *next, Seconds(limit), [&] { look_for_signals(released); });
          },
          &core, successor.get(), timeout);
    } catch (const platform::ForcedUnwind&) {
      throw;
    } catch (...) {
      error = std::current_exception();
    }
    if (PyErr_CheckSignals() != 0) error = pending_error();
    const bool is_placed = core::has_place(core, *successor).value_or(false);
    if (is_callers) {
      auto* const left_over = is_placed ? successor->before.get() : handle.added.get();
      error = with_close(place, std::move(error), close_hosted(place, left_over));
    }
    if (error) std::rethrow_exception(error);
    Py_RETURN_NONE;
  });
}

// Calls `verb`, which returns whether the pipeline has ended, without the GIL.
template <class Verb>
PyObject* ended_by(gil::Held& held, PyObject* self, PyObject* time, Verb verb) {
  return raw_call(held, [&]() -> PyObject* {
    const double seconds = read_seconds(time);
    if (seconds < 0 && PyErr_Occurred() != nullptr) return nullptr;
    return PyBool_FromLong(gil::release(held, verb, &get_engine(self).core(), seconds) ? 1 : 0);
  });
}

PyObject* wait(gil::Held& held, PyObject* self, PyObject* timeout) {
  return ended_by(held, self, timeout, [](gil::Released& released, core::PipelineCore* core, double limit) {
    return core->wait(Seconds(limit), [&] { look_for_signals(released); });
  });
}

PyObject* finish(gil::Held& held, PyObject* self, PyObject* patience) {
  return ended_by(held, self, patience, [](gil::Released& released, core::PipelineCore* core, double limit) {
    return core->finish(Seconds(limit), [&] { look_for_signals(released); });
  });
}

// Limits a stop to `seconds`: worker processes that are still running shortly before are killed.
void limit_stop(Engine& engine, double seconds) {
  constexpr double kRest = 0.5;  // for the processes to exit
  constexpr double kLongest = 1e6;
  const auto time = core::real_deadline(Seconds(std::clamp(seconds - kRest, 0.0, kLongest)));
  auto& core = engine.core();
  if (!core.life().has_started()) return;
  for (const auto& runner : core.runners()) {
    kill_workers_by(*runner->node(), time);
  }
}

PyObject* stop(gil::Held& held, PyObject* self, PyObject* timeout) {
  return raw_call(held, [&]() -> PyObject* {
    const double seconds = read_seconds(timeout);
    if (seconds < 0 && PyErr_Occurred() != nullptr) return nullptr;
    auto& engine = get_engine(self);
    limit_stop(engine, seconds);
    request_stop_within(held, engine, seconds);
    const bool joined = gil::release(
        held,
        [](gil::Released& released, core::PipelineCore* core, double limit) {
          return core->stop(Seconds(limit), [&] { look_for_signals(released); });
        },
        &engine.core(), seconds);
    return PyBool_FromLong(joined ? 1 : 0);
  });
}

PyObject* join(gil::Held& held, PyObject* self, PyObject* timeout) {
  return raw_call(held, [&]() -> PyObject* {
    const double seconds = read_seconds(timeout);
    if (seconds < 0 && PyErr_Occurred() != nullptr) return nullptr;
    const auto busy = gil::release(
        held, [](core::PipelineCore* core, double limit) { return core->join(Seconds(limit)); },
        &get_engine(self).core(), seconds);
    return nb::cast(busy).release().ptr();
  });
}

PyMethodDef* engine_methods() {
  static PyMethodDef methods[] = {
      {"start", gil::entry<&start>, METH_O,
       "start($self, start_outside, /)\n--\n\nStarts the native threads, calls start_outside, and waits "
       "until every node has opened. Then the sources start to deliver. GIL: released while waiting"},
      {"finish_add", gil::entry<&finish_add>, METH_O,
       "finish_add($self, index, /)\n--\n\nWaits until a node that was added while the pipeline runs has "
       "opened, and connects it. GIL: released while waiting"},
      {"give_up_add", gil::entry<&give_up_add>, METH_O,
       "give_up_add($self, index, /)\n--\n\nRemoves the node. Call it instead of finish_add(), or after it. "
       "GIL: released"},
      {"remove", gil::entry<&remove>, METH_VARARGS,
       "remove($self, index, drain, timeout, /)\n--\n\nRemoves a node and those downstream of it. "
       "Returns their last statistics. GIL: released while waiting"},
      {"replace", gil::entry<&replace>, METH_VARARGS,
       "replace($self, index, handle, entry, place, begun, timeout, /)\n--\n\nReplaces a running node. "
       "The list of the place gets `entry` just before that. GIL: released while waiting"},
      {"wait", gil::entry<&wait>, METH_O,
       "wait($self, seconds, /)\n--\n\nReturns True if the pipeline ends within `seconds`; None means no "
       "limit. Raises the pipeline's failure. GIL: released while waiting"},
      {"finish", gil::entry<&finish>, METH_O,
       "finish($self, patience, /)\n--\n\nIf every source has ended, waits until the nodes have processed "
       "the remaining samples. Returns True if the pipeline has ended, False if a source is still running or "
       "nothing has moved for `patience` seconds. GIL: released while waiting"},
      {"stop", gil::entry<&stop>, METH_O,
       "stop($self, seconds, /)\n--\n\nStops the pipeline and joins its threads. Raises StopTimeoutError. On "
       "a node's own thread it only requests the stop and returns False. GIL: released while waiting"},
      {"join", gil::entry<&join>, METH_O,
       "join($self, seconds, /)\n--\n\nJoins the threads. Returns the names of the nodes that are still busy "
       "after `seconds`; an empty list means that every thread has ended. Does not run signal handlers. GIL: "
       "released while waiting"},
      {"why", gil::entry<&engine_why>, METH_NOARGS,
       "why($self, /)\n--\n\nA breakdown of the samples' age, and the proven causes. GIL: released"},
      {nullptr, nullptr, 0, nullptr}};
  return methods;
}

std::atomic<PyObject*> end_callback{nullptr};  // shared by all pipelines; only the first callback is kept

// Makes the interpreter run `callback` when the pipeline has ended.
void call_at_end(Engine& self, nb::callable callback) {
  PyObject* nothing = nullptr;
  if (end_callback.compare_exchange_strong(nothing, callback.ptr())) (void)callback.release();
  self.core().life().set_end_hook([] {
    Py_AddPendingCall(
        [](void* /*unused*/) {
          PyObject* const known = end_callback.load();
          if (known == nullptr) return 0;
          PyObject* result = PyObject_CallNoArgs(known);
          Py_XDECREF(result);
          return result != nullptr ? 0 : -1;
        },
        nullptr);
  });
}

}  // namespace

void forget_end_callback() {
  Py_XDECREF(end_callback.exchange(nullptr));
}

namespace {

// Binds the graph: its edges, and the numbers of its nodes.
void bind_graph(nb::class_<Engine>& engine) {
  engine
      .def(
          "connect",
          [](Engine& self, int child, std::pair<int, int> parent, const EdgeOptions& edge) {
            core::connect(self.core(), child, {parent.first, parent.second}, edge);
          },
          nb::arg("child"), nb::arg("parent"), nb::arg("edge"), "Adds an edge to a merge.")
      .def(
          "disconnect",
          [](Engine& self, int child, std::pair<int, int> parent) {
            core::disconnect(self.core(), child, {parent.first, parent.second});
          },
          nb::arg("child"), nb::arg("parent"), "Removes an edge into a merge.")
      .def(
          "added_from", [](const Engine& self, int first) { return core::added_from(self.core(), first); },
          nb::arg("first"),
          "Returns the numbers, from `first` on, of the nodes that this thread has added. While the pipeline "
          "runs, only of those whose add() has not returned.")
      .def_prop_ro(
          "next_number", [](const Engine& self) { return core::next_number(self.core()); },
          "The number that the next node will get.")
      .def(
          "node_numbers",
          [](const Engine& self) {
            std::vector<int> numbers;
            for (const auto& runner : self.core().runners()) numbers.push_back(runner->index());
            return numbers;
          },
          "The numbers of all nodes that were not removed.");
}

// Binds queries about a single node.
void bind_nodes(nb::class_<Engine>& engine) {
  engine
      .def(
          "check_replaceable",
          [](const Engine& self, int index, const NodeHandle* next) {
            core::check_replaceable(self.core(), index, next == nullptr ? nullptr : next->node.get());
          },
          nb::arg("index"), nb::arg("node").none() = nb::none(),
          "Raises GraphError or StateError unless the node is running and the other node may replace it.")
      .def_prop_ro(
          "on_node_thread", [](const Engine& self) { return self.core().called_from_runner(); },
          "True if the calling thread belongs to one of the pipeline's nodes.")
      .def("note_launcher", &Engine::note_launcher,
           "Must be called on the thread that is about to start a node's thread.")
      .def("add_node", &add_node, nb::lock_self(), nb::arg("node").lock(), nb::arg("parents"),
           nb::arg("options"), "Adds a node and returns its number.")
      .def(
          "set_max_wait",
          [](Engine& self, int index, double max_wait) { core::set_max_wait(self.core(), index, max_wait); },
          nb::arg("index"), nb::arg("max_wait"),
          "Sets max_wait of a node with a batch, starting with its next batch.")
      .def(
          "source_of",
          [](const Engine& self, int node, int source) {
            return core::only_source(self.core(), {node, source});
          },
          nb::arg("node"), nb::arg("source"),
          "Returns the number of the only source upstream of `source`, which must itself be upstream of "
          "`node`.")
      .def(
          "parents_of",
          [](const Engine& self, int index) {
            std::vector<std::pair<int, int>> parents;
            for (const auto& parent : core::list_parents(self.core(), index))
              parents.emplace_back(parent.node, parent.source);
            return parents;
          },
          nb::arg("index"),
          "Returns the ports upstream of a node, except removed ones, as accepted by add_node().")
      .def(
          "view_name",
          [](const Engine& self, int node, int only) { return core::view_name(self.core(), {node, only}); },
          nb::arg("node"), nb::arg("only"), "Returns the name of a port in the list of views.")
      .def(
          "shown_views",
          [](const Engine& self) {
            std::vector<std::string> names;
            for (const auto& node : core::graph_state(self.core()).nodes) {
              if (node.sends_frames) names.insert(names.end(), node.views.begin(), node.views.end());
            }
            return names;
          },
          "Returns the names of the ports that a server shows by default.")
      .def(
          "node_name", [](const Engine& self, int index) { return self.core().names()->find_name(index); },
          nb::arg("index"));
}

// Binds failures that no call has raised yet.
void bind_failures(nb::class_<Engine>& engine) {
  engine
      .def(
          "raise_unraised", [](Engine& self) { self.core().failure().rethrow_if_unthrown(); },
          "Raises the failure of the pipeline, unless a call has already raised it.")
      .def(
          "raise_unreported",
          [](Engine& self) {
            if (const auto error = self.core().failure().take_unreported()) std::rethrow_exception(error);
          },
          "Raises the failure of the pipeline so that it is reported, unless a call has already raised it. Does "
          "this only once; other calls still raise the failure afterwards.")
      .def_prop_ro(
          "unreported_since",
          [](const Engine& self) -> std::optional<double> {
            const auto since = self.core().failure().unreported_since();
            if (!since) return std::nullopt;
            return std::chrono::duration<double>(since->time_since_epoch()).count();
          },
          "time.monotonic() of a failure that was neither raised by a call nor reported; None if there is "
          "none.");
}

}  // namespace

nb::class_<Engine> bind_engine(nb::module_& module) {
  static const PyType_Slot slots[] = {
      {Py_tp_methods, engine_methods()},
      {Py_tp_traverse, reinterpret_cast<void*>(gil::entry<&Engine::traverse>)},
      {Py_tp_clear, reinterpret_cast<void*>(gil::entry<&Engine::clear>)},
      {0, nullptr}};
  nb::class_<Engine> engine(module, "Engine", nb::type_slots(slots), nb::is_final(),
                            nb::is_weak_referenceable(), "The native part of a Pipeline.");
  engine
      .def(
          "__init__",
          [](Engine* self, const std::string& name, std::optional<double> stall_timeout,
             std::size_t max_held_bytes, std::optional<std::size_t> max_device_bytes, bool keep_running) {
            new (self) Engine({.name = name,
                               .stall_timeout = stall_timeout,
                               .max_held_bytes = max_held_bytes,
                               .max_device_bytes = max_device_bytes,
                               .keep_running = keep_running});
          },
          nb::arg("name"), nb::arg("stall_timeout").none(), nb::arg("max_held_bytes"),
          nb::arg("max_device_bytes").none() = nb::none(), nb::arg("keep_running") = false)
      .def("request_stop", gil::entry<&request_stop>,
           "Asks every node to stop. Returns without waiting. GIL: released")
      .def("call_at_end", &call_at_end, nb::arg("callback"))
      .def_prop_ro("started", [](const Engine& self) { return self.core().life().has_started(); })
      .def_prop_ro("ended", [](const Engine& self) { return self.core().life().has_ended(); })
      .def_prop_ro("failed", [](const Engine& self) { return self.core().failure().has_failed(); })
      .def_prop_ro("forked", &Engine::has_forked,
                   "True in a forked child of the process that created the engine.")
      .def("describe", [](const Engine& self) { return core::describe(self.core()); });
  bind_arrivals(module);
  bind_graph(engine);
  bind_nodes(engine);
  bind_failures(engine);
  return engine;
}

}  // namespace freshframe::python
