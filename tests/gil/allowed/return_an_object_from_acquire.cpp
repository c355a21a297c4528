// The twin of ../refused/return_an_object_from_acquire.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

void work(gil::Released& released, const gil::Ref& ref) {
  const double value =
      gil::acquire(released, [&](gil::Held& held) { return nb::cast<double>(nb::borrow(ref.get(held))); });
  (void)value;
}
