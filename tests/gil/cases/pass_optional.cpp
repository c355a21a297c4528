// An optional object.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds an object of a binding library
#include "freshframe/gil.hpp"

#include <optional>

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

#ifdef FIXED
void work(gil::Held& held, const std::optional<double>& a) {
  gil::release(held, [](const std::optional<double>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::optional<nb::object>& a) {
  gil::release(held, [](const std::optional<nb::object>& b) { (void)b; }, a);
}
#endif
