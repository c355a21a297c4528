// A bound lambda without a token.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::entry: the function must take gil::Held& or gil::Released& as its first parameter
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
int (*bound)(int) = gil::entry<[](gil::Held& /*held*/, int n) { return n; }>;
int (*bound_slow)(int) = gil::entry<[](gil::Released& /*released*/, int n) noexcept { return n; }>;
PyObject* (*for_c)(PyObject*, PyObject*) =
    gil::c_entry<[](gil::Held& /*held*/, PyObject* /*module*/, PyObject* a) { return Py_NewRef(a); }>;
#else
auto bound = gil::entry<[](int n) { return n; }>;
#endif
