// An object of nanobind.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds an object of a binding library
#include "freshframe/gil.hpp"

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

#ifdef FIXED
void work(gil::Held& held, const gil::Ref& a) {
  gil::release(held, [](const gil::Ref& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const nb::object& a) {
  gil::release(held, [](const nb::object& b) { (void)b; }, a);
}
#endif
