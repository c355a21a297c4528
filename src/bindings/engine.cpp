// The Engine class: building, life, statistics. Waits are plain C functions (see raw_call.hpp).
// SPDX-License-Identifier: Apache-2.0
#include "bindings/engine.hpp"

#include "freshframe/log.hpp"

#include <limits>
#include <optional>
#include <utility>

#include "bindings/node/python_node.hpp"
#include "bindings/options.hpp"
#include "bindings/python_free_types.hpp"
#include "bindings/raw_call.hpp"
#include "bindings/reader.hpp"
#include "bindings/value.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::gil {

// Its only Python object is a failure, which is a gil::Ref.
template <>
inline constexpr bool python_free<python::Engine> = true;

}  // namespace freshframe::gil

namespace freshframe::python {

Engine::~Engine() {
  if (guard_.forked() && server_) {
    server_->forget_in_child();
    (void)server_.release();  // its threads do not exist here: nothing can be joined
  }
  metrics_.reset();  // it keeps the core
  server_.reset();   // joins threads that never want the GIL, within moments
  const bool running = guard_.forked() || (core_->started() && !core_->ended());
  if (!running) {
    core_.reset();
    failure_.reset();
    gil::entry<&drain_deferred>();  // a failure keeps its exception; a destructor of a Python object holds
                                    // the GIL
    return;
  }
  if (!guard_.forked()) core_->request_stop();
  static auto* const let_go =
      new std::vector<std::shared_ptr<core::PipelineCore>>;  // never freed: threads are in there
  let_go->push_back(std::move(core_));
}

bool Engine::begin(int index) {
  const std::lock_guard lock(begun_mutex_);
  return begun_.insert(index).second;
}

std::vector<core::Worker*> Engine::claim_threadless() {
  std::vector<core::Worker*> claimed;
  if (!core_->started()) return claimed;
  for (int i = 0; i < core_->node_count(); ++i) {
    auto& worker = core_->worker(i);
    if (worker.node().runs_outside() && !worker.finished() && begin(i)) claimed.push_back(&worker);
  }
  return claimed;
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

void Engine::prepare_start() {
  const auto& engine = core();
  std::vector<std::string> names;
  for (int i = 0; i < engine.node_count(); ++i) names.push_back(engine.worker(i).name());
  *names_ = std::make_shared<const std::vector<std::string>>(std::move(names));
  launcher_.store(std::this_thread::get_id(), std::memory_order_relaxed);
}

std::vector<AnyPort> any_ports(const Parents& parents) {
  std::vector<AnyPort> ports;
  for (const auto& [node, source] : parents) ports.emplace_back(node, source);
  return ports;
}

namespace {

int add_native(Engine& self, NodeHandle& handle, const Parents& parents, AddOptions options) {
  if (!handle.node) {
    throw GraphError("this " + handle.get().default_name() +
                     " belongs to a pipeline already: make a second one");
  }
  auto* const node = handle.node.get();
  const int index = self.core().add(std::move(handle.node), any_ports(parents), std::move(options));
  handle.added = node;
  handle.owner = self.shared_core();
  return index;
}

int add_python(Engine& self, const std::string& label, const std::pair<std::string, std::string>& kinds,
               const Parents& parents, AddOptions options, std::optional<std::string> records_to) {
  auto node = std::make_unique<PythonNode>(label, type_of_kind(kinds.first), type_of_kind(kinds.second),
                                           std::move(records_to));
  return self.core().add(std::move(node), any_ports(parents), std::move(options));
}

int add_python_source(Engine& self, const std::string& label,
                      const std::pair<bool, std::string>& live_and_kind, const Parents& parents,
                      AddOptions options) {
  auto node = std::make_unique<PythonSource>(label, live_and_kind.first, type_of_kind(live_and_kind.second));
  return self.core().add(std::move(node), any_ports(parents), std::move(options));
}

PythonReader reader(Engine& self, const Parents& parents, std::optional<Queue> queue, const std::string& name,
                    bool frames) {
  return {self.core().add_reader(any_ports(parents), {name, queue, frames}), self.names(), nb::find(self)};
}

void request_stop(gil::Held& held, Engine& self) {
  auto* core = &self.core();
  const auto threadless = self.claim_threadless();
  gil::release(
      held,
      [](core::PipelineCore* target, std::span<core::Worker* const> without_thread) {
        target->request_stop();
        for (auto* worker : without_thread) {
          worker->open_step();  // after a stop it opens nothing
          worker->close_step();
        }
      },
      core, std::span<core::Worker* const>(threadless));
}

// ---- life: calls that may wait

Engine& engine_of(PyObject* self) {
  if (!nb::inst_ready(self)) throw nb::type_error("this Engine was not made by a Pipeline");
  return *nb::inst_ptr<Engine>(self);
}

// Lets Python's signal handlers run; their exception ends the wait.
void look_for_signals(gil::Released& released) {
  gil::acquire(released, [](gil::Held& held) {
    if (PyErr_CheckSignals() != 0) std::rethrow_exception(take_python_error(held).error);
  });
}

// Seconds; forever for None. An exception is set when it is below 0.
double seconds_of(PyObject* timeout) {
  return timeout == Py_None ? std::numeric_limits<double>::infinity() : PyFloat_AsDouble(timeout);
}

PyObject* start(gil::Held& held, PyObject* self, PyObject* start_outside) {
  return raw_call(held, [&]() -> PyObject* {
    auto& engine = engine_of(self);
    const gil::Ref callable(held, start_outside);
    gil::release(
        held,
        [](gil::Released& released, Engine* owner, core::PipelineCore* core, const gil::Ref& call) {
          const auto start_threads = [&] {
            gil::acquire(released, [&](gil::Held& again) {
              owner->prepare_start();  // here, where only one of several start() calls arrives
              PyObject* const result = PyObject_CallNoArgs(call.get(again));
              if (result == nullptr) std::rethrow_exception(take_python_error(again).error);
              Py_DECREF(result);
            });
          };
          core->start({.start_outside = start_threads, .look = [&] { look_for_signals(released); }});
        },
        &engine, &engine.core(), callable);
    Py_RETURN_NONE;
  });
}

PyObject* wait(gil::Held& held, PyObject* self, PyObject* timeout) {
  return raw_call(held, [&]() -> PyObject* {
    const double seconds = seconds_of(timeout);
    if (seconds < 0 && PyErr_Occurred() != nullptr) return nullptr;
    const bool ended = gil::release(
        held,
        [](gil::Released& released, core::PipelineCore* core, double limit) {
          return core->wait(Seconds(limit), [&] { look_for_signals(released); });
        },
        &engine_of(self).core(), seconds);
    return PyBool_FromLong(ended ? 1 : 0);
  });
}

PyObject* stop(gil::Held& held, PyObject* self, PyObject* timeout) {
  return raw_call(held, [&]() -> PyObject* {
    const double seconds = seconds_of(timeout);
    if (seconds < 0 && PyErr_Occurred() != nullptr) return nullptr;
    auto& engine = engine_of(self);
    limit_stop(engine, seconds);
    request_stop(held, engine);
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
    const double seconds = seconds_of(timeout);
    if (seconds < 0 && PyErr_Occurred() != nullptr) return nullptr;
    const bool joined = gil::release(
        held, [](core::PipelineCore* core, double limit) { return core->join(Seconds(limit)); },
        &engine_of(self).core(), seconds);
    return PyBool_FromLong(joined ? 1 : 0);
  });
}

PyMethodDef* engine_methods() {
  static PyMethodDef methods[] = {
      {"start", gil::entry<&start>, METH_O,
       "start($self, start_outside, /)\n--\n\nStarts the native threads, calls start_outside and waits "
       "until every node has opened. Then the sources begin to deliver. GIL: released while waiting"},
      {"wait", gil::entry<&wait>, METH_O,
       "wait($self, seconds, /)\n--\n\nTrue if the pipeline ends within the time; None: no limit. Raises "
       "the failure of the pipeline. GIL: released while waiting"},
      {"stop", gil::entry<&stop>, METH_O,
       "stop($self, seconds, /)\n--\n\nStops the pipeline and joins its threads; raises StopTimeout. On a "
       "node's own thread it only requests the stop and returns False. GIL: released while waiting"},
      {"join", gil::entry<&join>, METH_O,
       "join($self, seconds, /)\n--\n\nTrue if every thread ends within the time. Does not handle signals. "
       "GIL: released while waiting"},
      {nullptr, nullptr, 0, nullptr}};
  return methods;
}

std::atomic<PyObject*> end_callback{nullptr};  // the same for all pipelines: the first one is kept

// Asks the interpreter to run `callback` when the pipeline has ended.
void call_at_end(Engine& self, nb::callable callback) {
  PyObject* nothing = nullptr;
  if (end_callback.compare_exchange_strong(nothing, callback.ptr())) (void)callback.release();
  self.core().set_end_hook([] {
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

void bind_node_handle(nb::module_& module) {
  nb::class_<NodeHandle>(module, "NodeHandle", nb::is_final(), "A native node before and after it is added.")
      .def_prop_ro(
          "added", [](const NodeHandle& self) { return self.added != nullptr; },
          "True once it belongs to a pipeline.")
      .def_prop_ro(
          "live",
          [](const NodeHandle& self) {
            const auto* source = dynamic_cast<const SourceBase*>(&self.get());
            return source != nullptr && source->live();
          },
          "True for a source that cannot wait.")
      .def_prop_ro(
          "default_name", [](const NodeHandle& self) { return self.get().default_name(); },
          "The node's name if add(name=) is not given.");
}

}  // namespace

void forget_end_callback() {
  Py_XDECREF(end_callback.exchange(nullptr));
}

void bind_engine(nb::module_& module) {
  static const PyType_Slot slots[] = {
      {Py_tp_methods, engine_methods()},
      {Py_tp_traverse, reinterpret_cast<void*>(gil::entry<&Engine::traverse>)},
      {Py_tp_clear, reinterpret_cast<void*>(gil::entry<&Engine::clear>)},
      {0, nullptr}};
  bind_node_handle(module);
  bind_options(module);
  nb::class_<Engine> engine(module, "Engine", nb::type_slots(slots), nb::is_final(),
                            "The native part of a Pipeline.");
  engine
      .def(
          "__init__",
          [](Engine* self, const std::string& name, std::optional<double> stall_timeout,
             std::size_t max_held_bytes) {
            new (self)
                Engine({.name = name, .stall_timeout = stall_timeout, .max_held_bytes = max_held_bytes});
          },
          nb::arg("name"), nb::arg("stall_timeout").none(), nb::arg("max_held_bytes"))
      .def("add_native", &add_native, nb::lock_self(), nb::arg("node").lock(), nb::arg("parents"),
           nb::arg("options"), "Adds a native node; returns its index.")
      .def("add_python", &add_python, nb::lock_self(), nb::arg("label"), nb::arg("kinds"), nb::arg("parents"),
           nb::arg("options"), nb::arg("records_to").none(),
           "Adds a place for a Python node; returns its index.")
      .def("add_python_source", &add_python_source, nb::lock_self(), nb::arg("label"),
           nb::arg("live_and_kind"), nb::arg("parents"), nb::arg("options"),
           "Adds a place for a Python source; returns its index.")
      .def("reader", &reader, nb::lock_self(), nb::arg("parents"), nb::arg("queue").none(), nb::arg("name"),
           nb::arg("frames"), "Adds a reader.")
      .def(
          "source_of",
          [](const Engine& self, int node, int source) { return self.core().only_source({node, source}); },
          nb::arg("node"), nb::arg("source"),
          "The index of the only source upstream of `source`, which must be upstream of `node` too.")
      .def(
          "view_name",
          [](const Engine& self, int node, int only) { return self.core().view_name({node, only}); },
          nb::arg("node"), nb::arg("only"), "A port's name in the list of views.")
      .def(
          "node_name", [](const Engine& self, int index) { return self.core().worker(index).name(); },
          nb::arg("index"))
      .def(
          "raise_untold", [](Engine& self) { self.core().failure().rethrow_if_untold(); },
          "Raises the failure of the pipeline, unless a call has raised it already.")
      .def("request_stop", gil::entry<&request_stop>,
           "Requests every node to stop; does not wait. GIL: released")
      .def("call_at_end", &call_at_end, nb::arg("callback"))
      .def("busy_nodes", [](const Engine& self) { return self.core().busy_nodes(); })
      .def_prop_ro("started", [](const Engine& self) { return self.core().started(); })
      .def_prop_ro("ended", [](const Engine& self) { return self.core().ended(); })
      .def_prop_ro("failed", [](const Engine& self) { return self.core().failure().failed(); })
      .def_prop_ro("forked", &Engine::forked, "True in a child of the process that created it.")
      .def("describe", [](const Engine& self) { return self.core().describe(); });
  bind_engine_stats(engine);
  bind_serve(module, engine);
  bind_processes(module, engine);
}

}  // namespace freshframe::python
