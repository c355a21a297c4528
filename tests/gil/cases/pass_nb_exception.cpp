// An exception of nanobind's holds the Python one.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds an object of a binding library
#include "freshframe/gil.hpp"

#include <string>

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

#ifdef FIXED
void work(gil::Held& held, const std::string& a) {
  gil::release(held, [](const std::string& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const nb::python_error& a) {
  gil::release(held, [](const nb::python_error& b) { (void)b; }, a);
}
#endif
