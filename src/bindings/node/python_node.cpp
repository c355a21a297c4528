// Python nodes and sources: they are added to a pipeline, and their threads open them, run their loops and close them.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/node/python_node.hpp"

#include "freshframe/pipeline.hpp"

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "bindings/border/path_name.hpp"
#include "bindings/border/raw_call.hpp"
#include "bindings/border/text.hpp"
#include "bindings/engine/engine.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/node/loop.hpp"
#include "bindings/node/stop_token.hpp"
#include "bindings/parts.hpp"
#include "bindings/results/value.hpp"
#include "core/pipeline/changes/changes.hpp"
#include "platform/forced_unwind.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

using process::NodeDescription;

}  // namespace

void bind_python_nodes(nb::module_& module, nb::class_<Engine>& engine) {
  nb::class_<NodeDescription>(module, "NodeDescription", nb::is_final(),
                              "A Python node's name, the kinds of its values, the file that it writes, and "
                              "what it gives besides one result per sample.")
      .def(
          "__init__",
          [](NodeDescription* self, const std::string& name, const std::string& input,
             const std::string& output, std::optional<PathName> records_to, bool gives_several,
             std::optional<double> tick_every, bool finishes, bool gives_last_of_source) {
            new (self)
                NodeDescription{name,
                                find_type(input),
                                find_type(output),
                                records_to ? std::optional(std::move(records_to->bytes)) : std::nullopt,
                                gives_several,
                                tick_every ? std::optional(Seconds(*tick_every)) : std::nullopt,
                                finishes,
                                gives_last_of_source,
                                output == "Packet"};
          },
          nb::arg("name"), nb::arg("input"), nb::arg("output"), nb::arg("records_to").none() = nb::none(),
          nb::arg("gives_several") = false, nb::arg("tick_every").none() = nb::none(),
          nb::arg("finishes") = false, nb::arg("gives_last_of_source") = false);
  engine.def(
      "is_on_native_thread",
      [](const Engine& self, int index) {
        const auto runner = self.core().runner(index);
        return runner && runner->place().hosting().on_native_thread;
      },
      nb::arg("index"), "Whether the node needs a thread of Python before one in Python can take its place.");
  module.def(
      "hosted",
      [](NodeDescription description, nb::handle node, bool takes_values,
         std::shared_ptr<SpoolCounters> spool) {
        return make_handle(
            std::make_unique<PythonNode>(std::move(description), node.ptr(), takes_values, std::move(spool)));
      },
      nb::arg("description"), nb::arg("node"), nb::arg("takes_values"), nb::arg("spool").none() = nb::none(),
      "The handle of a Python node. The caller keeps the node.");
  module.def(
      "hosted_source",
      [](NodeDescription description, nb::handle node, bool live) {
        return make_handle(std::make_unique<PythonSource>(std::move(description), node.ptr(), live));
      },
      nb::arg("description"), nb::arg("node"), nb::arg("live"),
      "The handle of a Python source. The caller keeps the source.");
  bind_stop_token(module);
  bind_spool_counters(module);
  bind_node_thread(module);
}

namespace {

bool call_hook(gil::Held& held, Loop& loop, const char* name) {
  PyObject* result = call_if_there(loop.node, name);
  leave_forked_child(loop);
  Py_XDECREF(result);
  if (result != nullptr) return true;
  fail(held, loop, nullptr);
  return false;
}

bool open_step(core::Runner& runner) {
  return runner.open_step();
}
bool close_step(core::Runner& runner) {
  runner.close_step();
  return true;
}

bool begin_stream(core::Runner& runner) {
  return runner.begin_stream();
}

// Runs the nodes that have the place, one after the other, in Python and native ones.
void run_in_turn(gil::Held& held, Loop& loop) {
  for (;;) {
    if (loop.node == nullptr) {
      if (without_gil<&core::run_inside>(held, loop)) return;  // to the end, with its finish()
      if (!look_at_news(held, loop)) return;
      continue;
    }
    const bool is_well = loop.runner.facts().batch ? run_batches(held, loop) : run_samples(held, loop);
    if (loop.node == nullptr) continue;
    if (is_well) run_finish(held, loop);
    return;
  }
}

void close_last(gil::Held& held, Loop& loop) {
  loop.runner.meter().set_state(NodeState::Working);
  if (loop.node == nullptr) return;
  tell_gone(held, loop);
  if (!loop.takes_values) call_hook(held, loop, "close");
}

// open(), everything between, close().
void run_opened(gil::Held& held, Loop& loop) {
  take_node(loop);
  const bool is_told = give_stop_token(held, loop);
  if (!is_told) fail(held, loop, nullptr);
  const bool opened = is_told && (loop.takes_values || call_hook(held, loop, "open"));
  if (without_gil<&open_step>(held, loop) && opened) {
    if (loop.runner.is_source()) {
      run_source(held, loop);
    } else if (!loop.runner.facts().has_own_stream() || without_gil<&begin_stream>(held, loop)) {
      run_in_turn(held, loop);
    }
  }
  if (opened) close_last(held, loop);
}

// The native thread of the runner has ended, as a node in Python has the place.
void run_on(gil::Held& held, Loop& loop) {
  loop.runner.meter().set_state(NodeState::Waiting);
  if (look_at_news(held, loop)) run_in_turn(held, loop);
  close_last(held, loop);
}

// Waits until it is decided; false means the node of the handle did not get the place, or the thread is not
// needed.
bool wait_for_turn(gil::Held& held, const Loop& loop, const NodeHandle& handle) {
  if (!handle.successor || !handle.successor->takes_thread) return false;
  const bool has_place = gil::release(
      held, [](core::PipelineCore* owner, core::Successor* next) { return core::wait_placed(*owner, *next); },
      handle.owner.get(), handle.successor.get());
  const auto is_callers = [&] {
    return handle.owner->life().call_locked([&] { return handle.successor->is_callers; });
  };
  if (!has_place && !is_callers()) close_left_over(loop, handle.added.get());
  return has_place;
}

// An exception of the child's own code propagates; a plain return is refused.
PyObject* raise_in_forked_child(const std::string& node) {
  if (PyErr_Occurred() != nullptr) return nullptr;
  throw StateError(
      "node '" + node +
      "' returned in a child process that it forked: the pipeline and its threads are the parent's. "
      "End such a child with os._exit(), or start processes with subprocess or multiprocessing's "
      "'spawn'");
}

PyObject* run_node(gil::Held& held, PyObject* /*module*/, PyObject* args) {
  PyObject* engine = nullptr;
  PyObject* place = nullptr;
  PyObject* coming = nullptr;
  int index = 0;
  if (PyArg_ParseTuple(args, "OiOO:run_node", &engine, &index, &place, &coming) == 0) return nullptr;
  return raw_call(held, [&] {
    auto& owner = *nb::inst_ptr<Engine>(engine);
    const auto kept = owner.core().runner(index);
    if (!kept) return Py_NewRef(Py_None);
    Loop loop{owner, *kept, place};
    auto& runner = loop.runner;
    const bool begins = coming == Py_None;
    const bool has_turn = begins ? runner.life().claim()
                                 : wait_for_turn(held, loop, nb::cast<const NodeHandle&>(nb::handle(coming)));
    if (!has_turn) return Py_NewRef(Py_None);
    runner.intake().return_news(true);
    if (owner.launched_by_this_thread()) {
      refuse_green_thread(held, owner, runner);
      return Py_NewRef(Py_None);
    }
    runner.adopt_thread();
    try {
      begins ? run_opened(held, loop) : run_on(held, loop);
    } catch (const platform::ForcedUnwind&) {
      throw;
    } catch (const InForkedChild&) {
      return raise_in_forked_child(runner.name());
    } catch (...) {  // the engine itself failed, out of memory: the pipeline ends anyway
      runner.fail({std::current_exception(), "the engine failed"});
    }
    without_gil<&close_step>(held, loop);
    close_left_over(loop, runner.place().hosting().left_over.get());
    return Py_NewRef(Py_None);
  });
}

PyMethodDef run_node_method = {"run_node", gil::entry<&run_node>, METH_VARARGS,
                               "run_node(engine, index, place, coming)\n--\n\nThe body of a Python "
                               "node's thread. GIL: released while waiting"};

}  // namespace

// A "thread" without a thread of the system, as gevent and eventlet make it: a wait in it would stop the
// program.
void refuse_green_thread(gil::Held& held, Engine& engine, core::Runner& runner) {
  engine.core().refuse(std::make_exception_ptr(StateError(
      "node '" + runner.name() +
      "' needs its own thread, but threading.Thread runs on the thread that called start(): gevent "
      "or eventlet has replaced it. Leave threads alone, as with gevent.monkey.patch_all(thread=False)")));
  gil::release(
      held,
      [](core::Runner* target) {
        target->open_step();
        target->close_step();
      },
      &runner);
}

void bind_node_thread(nb::module_& module) {
  module.attr("run_node") = nb::steal(PyCFunction_NewEx(&run_node_method, nullptr, nullptr));
}

}  // namespace freshframe::python
