// The loop of a Python node that takes batches.
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "bindings/border/classes.hpp"
#include "bindings/frame/format_use.hpp"
#include "bindings/node/loop.hpp"

namespace freshframe::python {
namespace {

using Outputs = std::vector<std::optional<AnySample>>;

// Passes the exception of a call that failed for all of `samples` to the engine.
bool fail_batch(gil::Held& held, Loop& loop, std::span<const AnySample> samples) {
  const auto taken = take_python_error(held);
  auto traceback =
      loop.runner.wants_traceback(&samples.front()) ? traceback_text(held, *taken.object) : std::string();
  const auto text = taken.text + hint_text(held, *taken.object);
  const bool goes_on = loop.runner.fail({taken.error, text, std::move(traceback)}, {samples, true});
  if (!goes_on && !loop.runner.life().is_outside_the_run()) loop.engine.keep_failure(taken.object);
  return goes_on;
}

PyObject* arguments(gil::Held& held, Loop& loop, std::span<const AnySample> samples) {
  PyObject* const list = PyList_New(static_cast<Py_ssize_t>(samples.size()));
  if (list == nullptr) return nullptr;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    PyObject* const given = argument(held, loop, samples[i]);
    if (given == nullptr) {
      Py_DECREF(list);
      return nullptr;
    }
    PyList_SET_ITEM(list, static_cast<Py_ssize_t>(i), given);
  }
  return list;
}

// Calls the node with all samples: a list or tuple with an entry for each, or null with an exception set.
PyObject* call_batch(gil::Held& held, Loop& loop, std::span<const AnySample> samples) {
  PyObject* const given = arguments(held, loop, samples);
  if (given == nullptr) return nullptr;
  PyObject* const results = loop.takes_values ? PyObject_CallOneArg(loop.node, given)
                                              : PyObject_CallMethod(loop.node, "process_batch", "(O)", given);
  Py_DECREF(given);
  if (results == nullptr) return nullptr;
  const bool is_list = PyList_Check(results) || PyTuple_Check(results);
  const auto count = is_list ? PySequence_Fast_GET_SIZE(results) : 0;
  if (is_list && count == static_cast<Py_ssize_t>(samples.size())) {
    PyObject* const own = PySequence_Tuple(results);  // the conversion of an entry may change a list
    Py_DECREF(results);
    return own;
  }
  const char* const what = loop.takes_values ? "a function with a batch" : "process_batch()";
  if (is_list) {
    PyErr_Format(classes().option_error, "%s must return one result per sample: it returned %zd for %zu",
                 what, count, samples.size());
  } else {
    PyErr_Format(classes().option_type_error, "%s must return a list with one result per sample, got %.200s",
                 what, Py_TYPE(results)->tp_name);
  }
  Py_DECREF(results);
  return nullptr;
}

// Emits the result of the first of `samples`.
bool emit_outputs(core::Runner& runner, std::vector<AnySample>* samples, Outputs* outputs) {
  for (std::size_t i = 0; i < outputs->size(); ++i) send_output(runner, (*samples)[i], (*outputs)[i]);
  outputs->clear();
  return true;
}

// Emits the results, then gathers the next batch, in one go without the GIL. False: the end.
bool emit_and_gather(core::Runner& runner, std::vector<AnySample>* samples, Outputs* outputs,
                     core::Taken* taken, FormatUse use, GilTurn* turn) {
  emit_outputs(runner, samples, outputs);
  samples->clear();
  *taken = runner.take_batch(*samples);
  if (*taken == core::Taken::Ended) {
    turn->queue_to_leave();
    return false;
  }
  for (const auto& sample : *samples) use.make(sample.frame);
  return true;
}

// Takes the outputs out of the results. False: one of them ends the node.
bool take_results(gil::Held& held, Loop& loop, PyObject* results, std::vector<AnySample>& samples,
                  Outputs& outputs) {
  for (std::size_t i = 0; i < samples.size(); ++i) {
    PyObject* const item = PyTuple_GET_ITEM(results, static_cast<Py_ssize_t>(i));
    std::optional<AnySample> output;
    const bool is_error = PyExceptionInstance_Check(item);
    if (is_error) PyErr_SetObject(PyExceptionInstance_Class(item), item);
    if (is_error || !output_of(held, loop, item, samples[i], output)) {
      const auto taken = take_python_error(held);
      if (loop.runner.facts().stops_on_error()) {  // the results before it are emitted first
        Py_DECREF(results);
        without_gil<&emit_outputs>(held, loop, &samples, &outputs);
        return fail(held, loop, taken, &samples[i]);
      }
      fail(held, loop, taken, &samples[i]);
    }
    outputs.push_back(std::move(output));
  }
  Py_DECREF(results);
  return true;
}

}  // namespace

bool run_batches(gil::Held& held, Loop& loop) {
  std::vector<AnySample> samples;
  Outputs outputs;
  auto taken = core::Taken::Nothing;
  while (without_gil<&emit_and_gather>(held, loop, &samples, &outputs, &taken, FormatUse::next(&loop),
                                       &loop.turn)) {
    gil::DeferredFree::instance().drain(held);
    if (taken == core::Taken::News) {
      if (!look_at_news(held, loop)) return false;
      if (loop.node == nullptr) return true;
      continue;
    }
    if (taken == core::Taken::Nothing) {
      if (!run_tick(held, loop, samples.front(), outputs.emplace_back())) return false;
      continue;
    }
    loop.runner.meter().begin_call(samples.front());
    PyObject* const results = call_batch(held, loop, samples);
    if (loop.engine.forked()) {
      new std::vector<AnySample>(std::move(samples));  // never freed in the child
      throw InForkedChild{};
    }
    loop.runner.meter().end_batch(samples);
    const bool goes_on = results != nullptr ? take_results(held, loop, results, samples, outputs)
                                            : fail_batch(held, loop, samples);
    if (!goes_on) return false;
  }
  return loop.runner.life().closed_cleanly();
}

}  // namespace freshframe::python
