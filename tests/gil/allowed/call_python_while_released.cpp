// The twin of ../refused/call_python_while_released.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void report(gil::Held& held, const gil::Ref& callback) {
  Py_XDECREF(PyObject_CallNoArgs(callback.get(held)));
}

void work(gil::Held& held, const gil::Ref& callback) {
  gil::release(
      held, [](gil::Released& released, const gil::Ref& c) { gil::acquire(released, &report, c); }, callback);
}
