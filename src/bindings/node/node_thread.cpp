// The body of a Python node's thread: open, its loop, close.
// SPDX-License-Identifier: Apache-2.0
#include <exception>
#include <memory>
#include <string>

#include "bindings/border/raw_call.hpp"
#include "bindings/node/loop.hpp"
#include "bindings/node/python_node.hpp"
#include "bindings/node/stop_token.hpp"

namespace nb = nanobind;

namespace freshframe::python {
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

void run_node_loop(gil::Held& held, Loop& loop) {
  if (loop.runner.facts().has_own_stream() && !without_gil<&begin_stream>(held, loop)) return;
  const bool is_well = loop.runner.facts().batch ? run_batches(held, loop) : run_samples(held, loop);
  if (is_well) run_finish(held, loop);
}

// open(), everything between, close().
void run_opened(gil::Held& held, Loop& loop) {
  const bool hooks = !loop.takes_values;
  const bool is_told = give_stop_token(held, loop);
  if (!is_told) fail(held, loop, nullptr);
  const bool opened = is_told && (!hooks || call_hook(held, loop, "open"));
  if (without_gil<&open_step>(held, loop) && opened) {
    if (loop.runner.is_source()) {
      run_source(held, loop);
    } else {
      run_node_loop(held, loop);
    }
  }
  loop.runner.meter().set_state(NodeState::Working);
  if (opened) tell_gone(held, loop);
  if (hooks && opened) call_hook(held, loop, "close");
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
  PyObject* slot = nullptr;
  int index = 0;
  int takes_values = 0;
  if (PyArg_ParseTuple(args, "OiOp:run_node", &engine, &index, &slot, &takes_values) == 0) return nullptr;
  return raw_call(held, [&] {
    auto& owner = *nb::inst_ptr<Engine>(engine);
    const auto kept = owner.core().runner(index);
    if (!kept || !kept->life().claim()) return Py_NewRef(Py_None);
    Loop loop{owner, *kept, slot, takes_values != 0};
    auto& runner = loop.runner;
    if (!take_node(loop)) throw nb::python_error();
    runner.intake().return_news();
    if (owner.launched_by_this_thread()) {
      refuse_green_thread(held, owner, runner);
      return Py_NewRef(Py_None);
    }
    runner.adopt_thread();
    try {
      run_opened(held, loop);
    } catch (const abi::__forced_unwind&) {
      throw;
    } catch (const InForkedChild&) {
      return raise_in_forked_child(runner.name());
    } catch (...) {  // the engine itself failed, out of memory: the pipeline ends nevertheless
      runner.fail({std::current_exception(), "the engine failed"});
    }
    without_gil<&close_step>(held, loop);
    return Py_NewRef(Py_None);
  });
}

PyMethodDef run_node_method = {"run_node", gil::entry<&run_node>, METH_VARARGS,
                               "run_node(engine, index, slot, takes_values)\n--\n\nThe body of a Python "
                               "node's thread. GIL: released while waiting"};

}  // namespace

// A "thread" without a thread of the system, as gevent and eventlet make it: a wait in it would stop the
// program.
void refuse_green_thread(gil::Held& held, Engine& engine, core::Runner& runner) {
  engine.core().refuse(std::make_exception_ptr(StateError(
      "node '" + runner.name() +
      "' needs a thread of its own, but threading.Thread runs on the thread that called start(): gevent "
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
