// A span over objects.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds an object of a binding library
#include "freshframe/gil.hpp"

#include <span>

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

#ifdef FIXED
void work(gil::Held& held, const std::span<gil::Ref>& a) {
  gil::release(held, [](const std::span<gil::Ref>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::span<nb::object>& a) {
  gil::release(held, [](const std::span<nb::object>& b) { (void)b; }, a);
}
#endif
