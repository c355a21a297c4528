// A function that calls Python is called while the GIL is released.
// SPDX-License-Identifier: Apache-2.0
// expect: the GIL is already released here and the called function needs gil::Held
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void report(gil::Held& held, const gil::Ref& callback) {
  Py_XDECREF(PyObject_CallNoArgs(callback.get(held)));
}

void work(gil::Held& held, const gil::Ref& callback) {
#ifdef FIXED
  gil::release(
      held, [](gil::Released& released, const gil::Ref& c) { gil::acquire(released, &report, c); }, callback);
#else
  gil::release(held, [](gil::Released& released, const gil::Ref& c) { report(released, c); }, callback);
#endif
}
