// Engine.what_if() and the types of its answer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

PyObject* engine_what_if(gil::Held& held, PyObject* self, PyObject* args);
void bind_what_if(nanobind::module_& module);

}  // namespace freshframe::python
