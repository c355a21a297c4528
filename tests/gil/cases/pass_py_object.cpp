// An object of pybind11.
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
void work(gil::Held& held, const py::object& a) {
  gil::release(held, [](const py::object& b) { (void)b; }, a);
}
#endif
