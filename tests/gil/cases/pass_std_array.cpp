// A std::array of objects.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds an object of a binding library
#include "freshframe/gil.hpp"

#include <array>

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

#ifdef FIXED
void work(gil::Held& held, const std::array<gil::Ref, 2>& a) {
  gil::release(held, [](const std::array<gil::Ref, 2>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::array<nb::object, 2>& a) {
  gil::release(held, [](const std::array<nb::object, 2>& b) { (void)b; }, a);
}
#endif
