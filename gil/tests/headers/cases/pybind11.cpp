// The same with objects of pybind11.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <span>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

namespace gil = freshframe::gil;
namespace py = pybind11;

// case pass_py_array: An array of pybind11.
// expect: gil::release: an argument is or holds an object of a binding library
#ifdef FIXED
void work(gil::Held& held, const std::span<const double>& a) {
  gil::release(held, [](const std::span<const double>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const py::array_t<double>& a) {
  gil::release(held, [](const py::array_t<double>& b) { (void)b; }, a);
}
#endif

// case pass_py_buffer_info: A buffer_info of pybind11 releases its Py_buffer when it is destroyed.
// expect: gil::release: an argument is or holds an object of a binding library
#ifdef FIXED
void work(gil::Held& held, const std::span<const double>& a) {
  gil::release(held, [](const std::span<const double>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const py::buffer_info& a) {
  gil::release(held, [](const py::buffer_info& b) { (void)b; }, a);
}
#endif

// case pass_py_function: A callback of Python's.
// expect: gil::release: an argument is or holds an object of a binding library
#ifdef FIXED
void work(gil::Held& held, const gil::Ref& a) {
  gil::release(held, [](const gil::Ref& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const py::function& a) {
  gil::release(held, [](const py::function& b) { (void)b; }, a);
}
#endif

// case pass_py_object: An object of pybind11.
// expect: gil::release: an argument is or holds an object of a binding library
#ifdef FIXED
void work(gil::Held& held, const gil::Ref& a) {
  gil::release(held, [](const gil::Ref& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const py::object& a) {
  gil::release(held, [](const py::object& b) { (void)b; }, a);
}
#endif
