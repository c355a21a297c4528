// A buffer_info of pybind11 releases its Py_buffer when it is destroyed.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds an object of a binding library
#include "freshframe/gil.hpp"

#include <span>

#include <pybind11/pybind11.h>

namespace gil = freshframe::gil;
namespace py = pybind11;

#ifdef FIXED
void work(gil::Held& held, const std::span<const double>& a) {
  gil::release(held, [](const std::span<const double>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const py::buffer_info& a) {
  gil::release(held, [](const py::buffer_info& b) { (void)b; }, a);
}
#endif
