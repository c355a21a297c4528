// The results of a call of a Python node.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/node.hpp"

#include <cstdint>
#include <optional>

#include "bindings/node/loop.hpp"
#include "core/pipeline/runner/runner.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// Checked here, because a child's refusal would name the child and not the node that returned the wrong
/// value.
void check_demand(const Loop& loop, const Emitted& output, nanobind::handle given);
/// Makes `output`, the sample that the children get, of a result for `from`; nullopt for None. Returns false
/// with an exception set if the result is invalid.
bool take_output(gil::Held& held, Loop& loop, PyObject* result, const AnySample& from,
                 std::optional<AnySample>& output);
/// Sends the result of `sample`, and drops the sample.
void send_output(core::Runner& runner, AnySample& sample, std::optional<AnySample>& output);
/// Handles what a call of the node returned for `from`: sends the results of a generator while it runs, and
/// stores a plain result in `output`. Returns false if the node must be closed. A stop may end a generator,
/// and an exception may be skipped, except for finish(). A generator of process() is rejected unless the node
/// gives several results.
enum class Called : std::uint8_t { Process, OnTick, Finish };
bool take_result(gil::Held& held, Loop& loop, PyObject* result, AnySample& from, Called called,
                 std::optional<AnySample>& output);
/// Calls on_tick() for a tick, and handles its result like take_result().
bool run_tick(gil::Held& held, Loop& loop, AnySample& tick, std::optional<AnySample>& output);
/// Calls the node's finish().
void run_finish(gil::Held& held, Loop& loop);

}  // namespace freshframe::python
