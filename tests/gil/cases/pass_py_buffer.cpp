// A Py_buffer holds a reference to its object.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a PyObject*
#include "freshframe/gil.hpp"

#include <span>

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held, const std::span<const double>& a) {
  gil::release(held, [](const std::span<const double>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const Py_buffer& a) {
  gil::release(held, [](const Py_buffer& b) { (void)b; }, a);
}
#endif
