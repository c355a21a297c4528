// Options of Python calls as the engine's types: Python checks the types, the engine the values.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// The classes QueuePolicy and AddOptions. Their constructors throw OptionError.
void bind_options(nanobind::module_& module);

}  // namespace freshframe::python
