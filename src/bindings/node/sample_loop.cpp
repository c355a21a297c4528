// The loop of a Python node that takes samples one by one.
// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <utility>

#include "bindings/border/made_once.hpp"
#include "bindings/frame/format_use.hpp"
#include "bindings/node/loop.hpp"

namespace freshframe::python {
namespace {

PyObject* make_process_name() {
  return PyUnicode_InternFromString("process");
}

PyObject* process_name() {
  return made_once<&make_process_name>();
}

// Calls the node. Null: it failed, with an exception set.
PyObject* call(gil::Held& held, Loop& loop, const AnySample& sample) {
  PyObject* const given = argument(held, loop, sample);
  if (given == nullptr) return nullptr;
  PyObject* const result = loop.takes_values ? call_function(loop, given)
                                             : PyObject_CallMethodOneArg(loop.node, process_name(), given);
  Py_DECREF(given);
  return result;
}

// Sends the result of `sample` and takes the next one into it, in one step without the GIL. False: the end.
bool send_and_take(core::Runner& runner, AnySample* sample, std::optional<AnySample>* output,
                   core::Taken* taken, FormatUse use, GilTurn* turn) {
  send_output(runner, *sample, *output);
  *taken = runner.take(*sample);
  if (*taken == core::Taken::Ended) {
    turn->queue_to_leave();
    return false;
  }
  if (*taken == core::Taken::Sample) use.make(*sample);
  return true;
}

// Hands on a result and takes a sample with the GIL held, when neither has to wait (see Note [The length of a turn]). False: take() on.
bool go_on(Loop& loop, AnySample& sample, std::optional<AnySample>& output, FormatUse use) {
  if (use.any() || !loop.turn.has_time() || loop.runner.outlet().would_wait()) return false;
  send_output(loop.runner, sample, output);
  return loop.runner.try_take(sample);
}

}  // namespace

bool run_samples(gil::Held& held, Loop& loop) {
  AnySample sample;
  std::optional<AnySample> output;
  while (true) {
    const auto use = FormatUse::next(&loop);
    auto taken = core::Taken::Sample;
    if (!go_on(loop, sample, output, use) &&
        !without_gil<&send_and_take>(held, loop, &sample, &output, &taken, use, &loop.turn)) {
      return loop.runner.life().closed_cleanly();
    }
    gil::DeferredFree::instance().drain(held);
    if (taken == core::Taken::News) {
      if (!look_at_news(held, loop)) return false;
      if (loop.node == nullptr) return true;
      continue;
    }
    bool goes_on = false;
    if (taken == core::Taken::Nothing) {
      goes_on = run_tick(held, loop, sample, output);
    } else {
      loop.runner.meter().begin_call(sample);
      PyObject* const result = call(held, loop, sample);
      leave_forked_child(loop, sample);
      goes_on = take_result(held, loop, result, sample, Called::Process, output);
      loop.runner.meter().end_work();
    }
    if (!goes_on) return false;
  }
}

}  // namespace freshframe::python
