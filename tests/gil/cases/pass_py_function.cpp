// A callback of Python's.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds an object of a binding library
#include "freshframe/gil.hpp"

#include <pybind11/pybind11.h>

namespace gil = freshframe::gil;
namespace py = pybind11;

#ifdef FIXED
void work(gil::Held& held, const gil::Ref& a) {
  gil::release(held, [](const gil::Ref& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const py::function& a) {
  gil::release(held, [](const py::function& b) { (void)b; }, a);
}
#endif
