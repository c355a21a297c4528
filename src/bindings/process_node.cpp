// Nodes in worker processes: added by Python, run on a Python thread that rarely needs the GIL.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "bindings/engine.hpp"
#include "bindings/node/python_node.hpp"
#include "bindings/process_values.hpp"
#include "bindings/python_free_types.hpp"
#include "bindings/raw_call.hpp"
#include "bindings/value.hpp"
#include "process/crew/crew.hpp"
#include <cxxabi.h>

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

// The state of the node's thread.
struct ProcessRun {
  Engine* engine;
  core::Worker* worker;
};

}  // namespace
}  // namespace freshframe::python

namespace freshframe::gil {

// The engine's Python objects are touched with the GIL only.
template <>
inline constexpr bool python_free<python::ProcessRun> = true;

}  // namespace freshframe::gil

namespace freshframe::python {
namespace {

using Time = std::chrono::steady_clock;

// Takes the GIL for values and exceptions of Python, never for pictures or values with a native form.
class PythonEmbedder final : public process::Embedder {
 public:
  PythonEmbedder(gil::Released& released, const ProcessRun& run)
      : released_(released),
        run_(run),
        knows_(dynamic_cast<process::ProcessNode&>(run.worker->node()).recipe().knows) {}

  process::EncodedValue encode(const ValueRef& value) override {
    if (!needs_python(value)) return encode_native(value);
    process::EncodedValue encoded;
    with_gil([&](gil::Held& held) { encoded = encode_python(held, value, knows_); });
    return encoded;
  }

  ValueRef decode(process::ReceivedValue value, const std::string& producer) override {
    auto decoded = python::decode(std::move(value), producer);
    const auto& wanted = run_.worker->demand().types;
    if (wanted.empty() || decoded.as<Pickled>() == nullptr) return decoded;
    with_gil([&](gil::Held& held) {  // a native child takes arrays, tables or Detections
      if (auto output = from_python(held, to_python(held, decoded), wanted); output.value)
        decoded = std::move(output.value);
    });
    return decoded;
  }

  std::exception_ptr cause_of(process::WorkerFailure failure) override {
    std::exception_ptr cause;
    with_gil([&](gil::Held& held) {
      const auto object = exception_of(held, failure.error, failure.text, failure.traceback);
      const auto shared = std::make_shared<gil::Ref>(held, object.ptr());
      run_.engine->keep_failure(shared);
      cause = std::make_exception_ptr(RaisedByPython(shared, failure.text));
    });
    return cause;
  }

  void log(int level, const std::string& logger, const std::string& text) override {
    log_record(level, logger, text);
  }

  const PixelOps& pixel_ops() const override { return freshframe::pixel_ops(); }
  std::string version() const override { return FRESHFRAME_VERSION; }

 private:
  // A Python exception of `function` is rethrown as one that can be used without the GIL.
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
        run_.engine->keep_failure(taken.object);
        raised = taken.error;
      }
    });
    const std::chrono::duration<double> waited = got - wanted;
    const std::chrono::duration<double> kept = Time::now() - got;
    run_.worker->meter_gil(waited.count(), kept.count());
    if (raised) std::rethrow_exception(raised);
  }

  gil::Released& released_;
  const ProcessRun run_;
  const std::uint64_t knows_;
};

void run_crew(gil::Released& released, ProcessRun run) {
  try {
    PythonEmbedder embedder(released, run);
    process::Crew(run.engine->core(), *run.worker, embedder).run();
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {  // the engine itself failed, out of memory: the pipeline ends nevertheless
    run.worker->fail(std::current_exception(), "the engine failed", nullptr);
    run.worker->close_step();
  }
}

PyObject* run_process(gil::Held& held, PyObject* /*module*/, PyObject* args) {
  PyObject* engine = nullptr;
  int index = 0;
  if (PyArg_ParseTuple(args, "Oi:run_process", &engine, &index) == 0) return nullptr;
  return raw_call(held, [&] {
    auto& owner = *nb::inst_ptr<Engine>(engine);
    if (!owner.begin(index)) return Py_NewRef(Py_None);
    auto& worker = owner.core().worker(index);
    if (owner.launched_by_this_thread()) {
      refuse_green_thread(held, owner, worker);
      return Py_NewRef(Py_None);
    }
    worker.adopt_thread();
    gil::release(held, &run_crew, ProcessRun{&owner, &worker});
    return Py_NewRef(Py_None);
  });
}

PyMethodDef run_process_method = {"run_process", gil::entry<&run_process>, METH_VARARGS,
                                  "run_process(engine, index)\n--\n\nThe body of the thread of a node in "
                                  "worker processes. GIL: released while waiting"};

process::CrewOptions crew_options(const nb::dict& given, bool skips_errors) {
  process::CrewOptions options;
  options.workers = nb::cast<int>(given["workers"]);
  options.ordered = nb::cast<bool>(given["ordered"]);
  if (const auto timeout = nb::cast<std::optional<double>>(given["timeout"]))
    options.timeout = Seconds(*timeout);
  options.memory = nb::cast<std::optional<std::uint64_t>>(given["memory"]);
  options.restarts = nb::cast<int>(given["restarts"]);
  options.restart_window = Seconds(nb::cast<double>(given["restart_window"]));
  options.skips_errors = skips_errors;
  return options;
}

std::string bytes_of(nb::handle object) {
  const auto bytes = nb::cast<nb::bytes>(object);
  return {bytes.c_str(), bytes.size()};
}

process::Recipe recipe_of(const nb::dict& given) {
  process::Recipe recipe;
  for (nb::handle each : nb::cast<nb::list>(given["arguments"])) recipe.arguments.push_back(bytes_of(each));
  for (nb::handle each : nb::cast<nb::list>(given["environment"]))
    recipe.environment.push_back(bytes_of(each));
  const auto payload = nb::cast<nb::bytes>(given["payload"]);
  const auto* const data = static_cast<const std::byte*>(payload.data());
  recipe.payload.assign(data, data + payload.size());
  recipe.knows = nb::cast<std::uint64_t>(given["knows"]);
  return recipe;
}

int add_process(Engine& self, const std::string& label, const std::pair<std::string, std::string>& kinds,
                const Parents& parents, AddOptions options, const nb::dict& recipe,
                std::optional<std::string> records_to) {
  if (!process::can_watch_children()) {
    throw GraphError("process= needs Linux 5.3 or newer (pidfd_open)");
  }
  process::NodeDescription description{label, type_of_kind(kinds.first), type_of_kind(kinds.second),
                                       std::move(records_to)};
  auto node = std::make_unique<process::ProcessNode>(
      std::move(description), crew_options(recipe, options.on_error == OnError::Skip), recipe_of(recipe));
  return self.core().add(std::move(node), any_ports(parents), std::move(options));
}

}  // namespace

void limit_stop(Engine& engine, double seconds) {
  constexpr double kRest = 0.5;  // for the ends of the processes themselves
  constexpr double kLongest = 1e6;
  const auto time = Time::now() + to_duration(Seconds(std::clamp(seconds - kRest, 0.0, kLongest)));
  auto& core = engine.core();
  if (!core.started()) return;
  for (int i = 0; i < core.node_count(); ++i) {
    if (auto* const node = dynamic_cast<process::ProcessNode*>(&core.worker(i).node())) node->kill_by(time);
  }
}

void bind_processes(nb::module_& module, nb::class_<Engine>& engine) {
  engine.def("add_process", &add_process, nb::lock_self(), nb::arg("label"), nb::arg("kinds"),
             nb::arg("parents"), nb::arg("options"), nb::arg("recipe"), nb::arg("records_to").none(),
             "Adds a place for a node in worker processes; returns its index.");
  module.attr("run_process") = nb::steal(PyCFunction_NewEx(&run_process_method, nullptr, nullptr));
}

}  // namespace freshframe::python
