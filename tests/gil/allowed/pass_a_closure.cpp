// The twin of ../refused/pass_a_closure.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

void work(gil::Held& held, nb::object /*object*/) {
  const auto closure = [] { return 1; };
  gil::release(held, [](const auto& c) { (void)c; }, closure);
}
