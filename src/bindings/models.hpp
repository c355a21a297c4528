// ONNX models in the module.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

namespace freshframe::python {

void bind_models(nanobind::module_& module);

}  // namespace freshframe::python
