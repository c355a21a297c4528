// Nodes in worker processes, run on a Python thread that rarely needs the GIL.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/border/log.hpp"
#include "bindings/border/python_free_types.hpp"
#include "bindings/border/raw_call.hpp"
#include "bindings/border/text.hpp"
#include "bindings/engine/engine.hpp"
#include "bindings/node/box_scale.hpp"
#include "bindings/node/node_thread.hpp"
#include "bindings/parts.hpp"
#include "bindings/process/encoding.hpp"
#include "bindings/results/pickled.hpp"
#include "bindings/results/value.hpp"
#include "core/pipeline/changes/changes.hpp"
#include "platform/forced_unwind.hpp"
#include "process/crew/crew.hpp"
#include "process/crew/embedder.hpp"
#include "process/memory/slab_pool.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

struct ProcessPlan {
  process::CrewOptions crew;
  process::Recipe recipe;
};

// State of the node's thread.
struct ProcessRun {
  Engine* engine;
  core::Runner* runner;
  std::shared_ptr<const gil::Ref> definitions;  // needed to unpickle the workers' results
};

}  // namespace
}  // namespace freshframe::python

namespace freshframe::gil {

// The engine's Python objects are only accessed with the GIL held.
template <>
inline constexpr bool python_free<python::ProcessRun> = true;

}  // namespace freshframe::gil

namespace freshframe::python {
namespace {

using Time = std::chrono::steady_clock;

// Takes the GIL for Python values and exceptions, but not for frames or values with a native form.
class PythonEmbedder final : public process::Embedder {
 public:
  PythonEmbedder(gil::Released& released, ProcessRun run)
      : released_(released),
        run_(std::move(run)),
        knows_(process::process_node(*run_.runner->node()).recipe().knows) {}

  process::EncodedValue encode(const ValueRef& value) override {
    if (!needs_python(value)) return encode_native(value);
    process::EncodedValue encoded;
    with_gil([&](gil::Held& held) { encoded = encode_python(held, value, knows_); });
    return encoded;
  }

  ValueRef decode(process::ReceivedValue value, const std::string& producer) override {
    auto decoded = python::decode(std::move(value), {producer, run_.definitions});
    const auto newest = run_.runner->outlet().outputs().newest();  // the emitter's thread may be sending
    const auto& wanted = newest->demand.types;
    if (wanted.empty() || decoded.as<Pickled>() == nullptr) return decoded;
    with_gil([&](gil::Held& held) {  // a native child takes arrays, tables or Detections
      if (auto output = from_python(held, to_python(held, decoded), wanted); output.value)
        decoded = std::move(output.value);
    });
    return decoded;
  }

  std::exception_ptr make_cause(process::WorkerFailure failure) override {
    std::exception_ptr cause;
    with_gil([&](gil::Held& held) {
      const auto object = make_exception(held, failure.error, failure.text, failure.traceback);
      const auto shared = std::make_shared<gil::Ref>(held, object.ptr());
      if (!run_.runner->life().is_outside_the_run()) run_.engine->keep_failure(shared);
      cause = failure.is_device_error ? std::make_exception_ptr(DeviceErrorByPython(shared, failure.text))
                                      : std::make_exception_ptr(RaisedByPython(shared, failure.text));
    });
    return cause;
  }

  void inspect(const Emitted& result, const AnySample& from) override {
    const bool is_of_input = !result.frame && !result.like;
    scale_.check(run_.runner->name(), result.value, is_of_input ? from.frame : result.frame);
  }

  void log(int level, const std::string& logger, const std::string& text) override {
    log_record(level, logger, text);
  }

  const PixelOps& pixel_ops() const override { return freshframe::pixel_ops(); }
  std::string version() const override { return FRESHFRAME_VERSION; }

 private:
  // A Python exception of `function` is rethrown as an exception that can be used without the GIL.
  template <class F>
  void with_gil(F&& function) {
    std::exception_ptr raised;
    const auto wanted = Time::now();
    auto got = wanted;
    gil::acquire(released_, [&](gil::Held& held) {
      got = Time::now();
      try {
        function(held);
      } catch (nb::python_error& error) {
        error.restore();
        const auto taken = take_python_error(held);
        if (!run_.runner->life().is_outside_the_run()) run_.engine->keep_failure(taken.object);
        raised = taken.error;
      }
    });
    const std::chrono::duration<double> waited = got - wanted;
    const std::chrono::duration<double> kept = Time::now() - got;
    run_.runner->meter().add_gil(waited.count(), kept.count());
    if (raised) std::rethrow_exception(raised);
  }

  gil::Released& released_;
  const ProcessRun run_;
  const std::uint64_t knows_;
  BoxScale scale_;  // shared by all workers
};

void run_crew(gil::Released& released, const ProcessRun& run) {
  try {
    PythonEmbedder embedder(released, run);
    process::Crew(run.engine->core(), *run.runner, embedder).run();
  } catch (const platform::ForcedUnwind&) {
    throw;
  } catch (...) {  // the engine itself failed, e.g. out of memory: the pipeline ends anyway
    run.runner->fail({std::current_exception(), "the engine failed"});
    run.runner->close_step();
  }
}

PyObject* run_process(gil::Held& held, PyObject* /*module*/, PyObject* args) {
  PyObject* engine = nullptr;
  PyObject* definitions = nullptr;
  int index = 0;
  if (PyArg_ParseTuple(args, "OiO:run_process", &engine, &index, &definitions) == 0) return nullptr;
  return raw_call(held, [&] {
    auto& owner = *nb::inst_ptr<Engine>(engine);
    const auto kept = owner.core().runner(index);
    if (!kept || !kept->life().claim()) return Py_NewRef(Py_None);
    auto& runner = *kept;
    if (owner.launched_by_this_thread()) {
      refuse_green_thread(held, owner, runner);
      return Py_NewRef(Py_None);
    }
    runner.adopt_thread();
    gil::release(held, &run_crew,
                 ProcessRun{&owner, &runner, std::make_shared<const gil::Ref>(held, definitions)});
    return Py_NewRef(Py_None);
  });
}

PyMethodDef run_process_method = {
    "run_process", gil::entry<&run_process>, METH_VARARGS,
    "run_process(engine, index, definitions)\n--\n\nThe body of the thread of a node in "
    "worker processes. GIL: released while waiting"};

std::vector<std::string> read_texts(const std::vector<nb::bytes>& given) {
  std::vector<std::string> texts;
  for (const auto& each : given) texts.emplace_back(each.c_str(), each.size());
  return texts;
}

int add_process(Engine& self, process::NodeDescription node, const Parents& parents,
                const AddOptions& options, const ProcessPlan& plan) {
  if (!process::can_watch_children()) {
    throw GraphError(
        "process= needs pidfd_open(), which failed here: it needs Linux 5.3 or newer, and a container whose "
        "seccomp profile allows it");
  }
  auto crew = plan.crew;
  crew.skips_errors = options.on_error == OnError::Skip;
  return core::add_node(self.core(),
                        std::make_unique<process::ProcessNode>(std::move(node), crew, plan.recipe),
                        any_ports(parents), options);
}

void bind_plan(nb::module_& module) {
  nb::class_<ProcessPlan>(module, "ProcessPlan", nb::is_final(),
                          "How many worker processes a node has, their limits, and how to start them.")
      .def(nb::init<>())
      .def_prop_rw(
          "workers", [](const ProcessPlan& self) { return self.crew.workers; },
          [](ProcessPlan& self, int workers) { self.crew.workers = workers; })
      .def_prop_rw(
          "ordered", [](const ProcessPlan& self) { return self.crew.ordered; },
          [](ProcessPlan& self, bool ordered) { self.crew.ordered = ordered; })
      .def_prop_rw(
          "timeout",
          [](const ProcessPlan& self) {
            return self.crew.timeout ? std::optional(self.crew.timeout->count()) : std::nullopt;
          },
          [](ProcessPlan& self, std::optional<double> seconds) {
            self.crew.timeout = seconds ? std::optional(Seconds(*seconds)) : std::nullopt;
          },
          nb::for_setter(nb::arg("seconds").none()), "Time limit for one sample, in seconds.")
      .def_prop_rw(
          "max_bytes", [](const ProcessPlan& self) { return self.crew.max_bytes; },
          [](ProcessPlan& self, std::optional<std::uint64_t> bytes) { self.crew.max_bytes = bytes; },
          nb::for_setter(nb::arg("bytes").none()), "Memory limit of one worker, in bytes.")
      .def_prop_rw(
          "max_restarts", [](const ProcessPlan& self) { return self.crew.max_restarts; },
          [](ProcessPlan& self, int deaths) { self.crew.max_restarts = deaths; })
      .def_prop_rw(
          "restart_window", [](const ProcessPlan& self) { return self.crew.restart_window.count(); },
          [](ProcessPlan& self, double seconds) { self.crew.restart_window = Seconds(seconds); }, "Seconds.")
      .def(
          "start_with",
          [](ProcessPlan& self, const std::vector<nb::bytes>& arguments,
             const std::vector<nb::bytes>& environment, const nb::bytes& payload, std::uint64_t knows) {
            const auto* const data = static_cast<const std::byte*>(payload.data());
            self.recipe = {.arguments = read_texts(arguments),
                           .environment = read_texts(environment),
                           .payload = {data, data + payload.size()},
                           .knows = knows};
          },
          nb::arg("arguments"), nb::arg("environment"), nb::arg("payload"), nb::arg("knows"),
          "Sets the program with its arguments, the environment as NAME=value, the pickled node, and the "
          "version of the definitions that the workers already know.");
}

}  // namespace

const Frame& check_process(const Frame& frame) {
  if (forks::Registry::instance().generation() > 0 && frame.has(frame.format()) &&
      process::SlabPool::is_inherited(frame.planes()[0].data)) {
    throw StateError(
        "this frame is in memory that the parent process shares with worker processes and "
        "writes to: copy() it before the fork");
  }
  return frame;
}

void kill_workers_by(NodeBase& node, TimePoint time) {
  if (auto* const workers = node.abilities().workers) workers->kill_by(time);
}

void bind_processes(nb::module_& module, nb::class_<Engine>& engine) {
  bind_plan(module);
  engine.def("add_process", &add_process, nb::lock_self(), nb::arg("node"), nb::arg("parents"),
             nb::arg("options"), nb::arg("plan"),
             "Adds a node that runs in worker processes, and returns its number.");
  module.attr("run_process") = nb::steal(PyCFunction_NewEx(&run_process_method, nullptr, nullptr));
}

}  // namespace freshframe::python
