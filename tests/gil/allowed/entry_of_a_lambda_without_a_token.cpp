// The twin of ../refused/entry_of_a_lambda_without_a_token.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

int (*bound)(int) = gil::entry<[](gil::Held& /*held*/, int n) { return n; }>;
int (*bound_slow)(int) = gil::entry<[](gil::Released& /*released*/, int n) noexcept { return n; }>;
PyObject* (*for_c)(PyObject*, PyObject*) =
    gil::c_entry<[](gil::Held& /*held*/, PyObject* /*module*/, PyObject* a) { return Py_NewRef(a); }>;
