// The twin of ../refused/return_pyobject.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

PyObject* work(gil::Held& held) {
  return PyLong_FromLong(gil::release(held, [] { return 1L; }));
}
