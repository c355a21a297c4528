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

// Emits the result of `sample` and takes the next one into it, in one step without the GIL.
bool emit_and_take(core::Runner& runner, AnySample* sample, std::optional<Emitted>* output, FormatUse use,
                   GilTurn* turn) {
  emit_output(runner, *sample, *output);
  if (!runner.take(*sample)) {
    turn->queue_to_leave();
    return false;
  }
  use.make(sample->frame);
  return true;
}

// The same with the GIL held, when neither has to wait (see Note [The length of a turn]). False: take() on.
bool go_on(Loop& loop, AnySample& sample, std::optional<Emitted>& output, FormatUse use) {
  if (use.any() || !loop.turn.has_time() || loop.runner.would_wait()) return false;
  emit_output(loop.runner, sample, output);
  return loop.runner.try_take(sample);
}

}  // namespace

void run_samples(gil::Held& held, Loop& loop) {
  AnySample sample;
  std::optional<Emitted> output;
  while (true) {
    const auto use = FormatUse::next(&loop);
    if (!go_on(loop, sample, output, use) &&
        !without_gil<&emit_and_take>(held, loop, &sample, &output, use, &loop.turn)) {
      return;
    }
    gil::DeferredFree::instance().drain(held);
    loop.runner.begin_work();
    output = call(held, loop, sample);
    if (loop.engine.forked()) {
      new AnySample(std::move(sample));  // never freed in the child
      throw InForkedChild{};
    }
    loop.runner.end_work();
    if (!output && !fail(held, loop, &sample)) return;
  }
}

}  // namespace freshframe::python
