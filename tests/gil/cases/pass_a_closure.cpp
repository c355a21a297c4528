// A closure may have captured an object.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a class that cannot be looked into
#include "freshframe/gil.hpp"

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

#ifdef FIXED
void work(gil::Held& held, nb::object /*object*/) {
  const auto closure = [] { return 1; };
  gil::release(held, [](const auto& c) { (void)c; }, closure);
}
#else
void work(gil::Held& held, nb::object object) {
  const auto closure = [object] { return object; };
  gil::release(held, [](const auto& c) { (void)c; }, closure);
}
#endif
