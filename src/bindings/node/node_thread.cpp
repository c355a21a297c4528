// The thread of a Python node: opens it, runs its loop and closes it.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/node/node_thread.hpp"

#include <exception>
#include <memory>
#include <string>

#include "bindings/border/raw_call.hpp"
#include "bindings/border/text.hpp"
#include "bindings/engine/engine.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/node/loop.hpp"
#include "bindings/node/results.hpp"
#include "bindings/node/stop_token.hpp"
#include "bindings/parts.hpp"
#include "core/pipeline/changes/changes.hpp"
#include "platform/forced_unwind.hpp"

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

// Runs the current node and its replacements one after the other, both Python and native ones.
void run_in_turn(gil::Held& held, Loop& loop) {
  for (;;) {
    if (loop.node == nullptr) {
      // returns true at the end of the node, after finish()
      if (without_gil<&core::run_inside>(held, loop)) return;
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

// Calls open(), runs the loop, and calls close().
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

// Continues after the runner's native thread has ended, because a Python node has replaced a native one.
void run_on(gil::Held& held, Loop& loop) {
  loop.runner.meter().set_state(NodeState::Waiting);
  if (look_at_news(held, loop)) run_in_turn(held, loop);
  close_last(held, loop);
}

// Waits for the outcome of a replacement. Returns false if the handle's node was not used, or this thread is
// not needed.
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

// An exception of the child's own code propagates; a normal return raises an error.
PyObject* raise_in_forked_child(const std::string& node) {
  if (PyErr_Occurred() != nullptr) return nullptr;
  throw StateError(
      "node '" + node +
      "' returned in a child process that it forked, but the pipeline and its threads run only in the "
      "parent. End such a child with os._exit(), or start processes with subprocess or multiprocessing's "
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
    } catch (...) {  // the engine itself failed, e.g. out of memory: the pipeline ends anyway
      runner.fail({std::current_exception(), "the engine failed"});
    }
    without_gil<&close_step>(held, loop);
    close_left_over(loop, runner.place().hosting().left_over.get());
    return Py_NewRef(Py_None);
  });
}

PyMethodDef run_node_method = {"run_node", gil::entry<&run_node>, METH_VARARGS,
                               "run_node(engine, index, place, coming)\n--\n\nThe body of a Python node's "
                               "thread. GIL: released while waiting"};

}  // namespace

// Rejects a green thread of gevent or eventlet, in which a wait would block the whole program.
void refuse_green_thread(gil::Held& held, Engine& engine, core::Runner& runner) {
  engine.core().refuse(std::make_exception_ptr(StateError(
      "node '" + runner.name() +
      "' needs its own thread, but threading.Thread runs on the thread that called start(): gevent "
      "or eventlet has patched it. Leave threads unpatched, with gevent.monkey.patch_all(thread=False) or "
      "eventlet.monkey_patch(thread=False)")));
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
