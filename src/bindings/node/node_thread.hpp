// The thread of a Python node: opens it, runs its loop and closes it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "core/pipeline/runner/runner.hpp"

namespace freshframe::python {

class Engine;

/// Rejects a green thread of gevent or eventlet: start() throws, and the node ends.
void refuse_green_thread(gil::Held& held, Engine& engine, core::Runner& runner);

}  // namespace freshframe::python
