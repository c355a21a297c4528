// The loops of Python nodes, which take samples one by one or in batches.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/log.hpp"

#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bindings/border/classes.hpp"
#include "bindings/border/made_once.hpp"
#include "bindings/border/raw_call.hpp"
#include "bindings/border/text.hpp"
#include "bindings/frame/format_use.hpp"
#include "bindings/node/loop.hpp"
#include "bindings/node/results.hpp"
#include "bindings/results/value.hpp"
#include "core/pipeline/runner/node_errors.hpp"

namespace freshframe::python {
namespace {

PyObject* make_process_name() {
  return PyUnicode_InternFromString("process");
}

PyObject* process_name() {
  return made_once<&make_process_name>();
}

// Calls the node. Returns null with an exception set if it failed.
PyObject* call(gil::Held& held, Loop& loop, const AnySample& sample) {
  PyObject* const given = argument(held, loop, sample);
  if (given == nullptr) return nullptr;
  PyObject* const result =
      loop.takes_values ? call_function(loop, given) : call_method(loop.node, process_name(), given);
  Py_DECREF(given);
  return result;
}

// Sends the result of `sample` and takes the next one into it, while the GIL is released once. Returns false
// at the end.
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

// Sends a result and takes a sample with the GIL held, if neither has to wait (see Note [The length of a
// turn]). Returns false if the caller must take() instead.
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
    const auto use = FormatUse::next(loop.taker);
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

namespace {

using Outputs = std::vector<std::optional<AnySample>>;

// Reports an exception of a call that failed for all of `samples`.
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
    PyList_SetItem(list, static_cast<Py_ssize_t>(i), given);
  }
  return list;
}

// Calls the node with all samples. Returns a list or tuple with one entry per sample, or null with an
// exception set.
PyObject* call_batch(gil::Held& held, Loop& loop, std::span<const AnySample> samples) {
  PyObject* const given = arguments(held, loop, samples);
  if (given == nullptr) return nullptr;
  PyObject* const results = loop.takes_values ? call_with(loop.node, given)
                                              : PyObject_CallMethod(loop.node, "process_batch", "(O)", given);
  Py_DECREF(given);
  if (results == nullptr) return nullptr;
  const bool is_list = PyList_Check(results) || PyTuple_Check(results);
  const auto count = PyList_Check(results) ? PyList_Size(results) : is_list ? PyTuple_Size(results) : 0;
  if (is_list && count == static_cast<Py_ssize_t>(samples.size())) {
    PyObject* const own = PySequence_Tuple(results);  // converting an entry may run code that changes a list
    Py_DECREF(results);
    return own;
  }
  const char* const what = loop.takes_values ? "a function with a batch" : "process_batch()";
  if (is_list) {
    PyErr_Format(classes().option_error, "%s must return one result per sample, got %zd for a batch of %zu",
                 what, count, samples.size());
  } else {
    PyErr_Format(classes().option_type_error, "%s must return a list with one result per sample, got %.200s",
                 what, get_type_name(results).c_str());
  }
  Py_DECREF(results);
  return nullptr;
}

// Sends the result of the first of `samples`.
bool emit_outputs(core::Runner& runner, std::vector<AnySample>* samples, Outputs* outputs) {
  for (std::size_t i = 0; i < outputs->size(); ++i) send_output(runner, (*samples)[i], (*outputs)[i]);
  outputs->clear();
  return true;
}

// Sends the results, then gathers the next batch, while the GIL is released once. Returns false at the end.
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

// Converts the results to outputs. Returns false if one of them ends the node.
bool take_results(gil::Held& held, Loop& loop, PyObject* results, std::vector<AnySample>& samples,
                  Outputs& outputs) {
  for (std::size_t i = 0; i < samples.size(); ++i) {
    PyObject* const item = PyTuple_GetItem(results, static_cast<Py_ssize_t>(i));
    std::optional<AnySample> output;
    const bool is_error = PyExceptionInstance_Check(item);
    if (is_error) PyErr_SetObject(PyExceptionInstance_Class(item), item);
    if (is_error || !take_output(held, loop, item, samples[i], output)) {
      const auto taken = take_python_error(held);
      if (loop.runner.facts().stops_on_error() &&
          !core::is_device_error(taken.error)) {  // the results before the failed one are sent first
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
  while (without_gil<&emit_and_gather>(held, loop, &samples, &outputs, &taken, FormatUse::next(loop.taker),
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
    if (loop.engine.has_forked()) {
      new std::vector<AnySample>(std::move(samples));  // deliberately leaked in the child
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
