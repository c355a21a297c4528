// A PyObject* comes out of a released scope.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: the result is or holds a PyObject*
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

PyObject* work(gil::Held& held) {
#ifdef FIXED
  return PyLong_FromLong(gil::release(held, [] { return 1L; }));
#else
  return gil::release(held, [] { return Py_None; });
#endif
}
