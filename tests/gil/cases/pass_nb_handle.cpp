// A handle without a reference of its own.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds an object of a binding library
#include "freshframe/gil.hpp"

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

#ifdef FIXED
void work(gil::Held& held, gil::Ref& a) {
  gil::release(held, [](gil::Ref& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, nb::handle& a) {
  gil::release(held, [](nb::handle& b) { (void)b; }, a);
}
#endif
