// An object comes out of acquire() into a scope without the GIL.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::acquire: the result is or holds an object of a binding library
#include "freshframe/gil.hpp"

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

void work(gil::Released& released, const gil::Ref& ref) {
#ifdef FIXED
  const double value =
      gil::acquire(released, [&](gil::Held& held) { return nb::cast<double>(nb::borrow(ref.get(held))); });
  (void)value;
#else
  const nb::object object =
      gil::acquire(released, [&](gil::Held& held) { return nb::borrow(ref.get(held)); });
  (void)object;
#endif
}
