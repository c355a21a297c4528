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
/// A result of `from` as the sample that the children get; nullopt for None. False means it is invalid, with
/// an exception set.
bool take_output(gil::Held& held, Loop& loop, PyObject* result, const AnySample& from,
                 std::optional<AnySample>& output);
/// Sends the result of `sample`, and drops the sample.
void send_output(core::Runner& runner, AnySample& sample, std::optional<AnySample>& output);
/// Takes over what a call of the node returned for `from`: the results of a generator are sent while it runs,
/// a plain one becomes `output`. False means the node is to be closed. A stop may end a generator, and an exception
/// may be skipped, except for finish(). A generator of process() is refused unless the node gives several results.
enum class Called : std::uint8_t { Process, OnTick, Finish };
bool take_result(gil::Held& held, Loop& loop, PyObject* result, AnySample& from, Called called,
                 std::optional<AnySample>& output);
/// The result of on_tick() for a tick, as take_result().
bool run_tick(gil::Held& held, Loop& loop, AnySample& tick, std::optional<AnySample>& output);
/// Calls the node's finish().
void run_finish(gil::Held& held, Loop& loop);

}  // namespace freshframe::python
