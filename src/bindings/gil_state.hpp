// The modules' declarations about the GIL.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

namespace freshframe::python {

void bind_gil_state(nanobind::module_& module);

}  // namespace freshframe::python
