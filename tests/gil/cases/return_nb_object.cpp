// An object of nanobind comes out of a released scope.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: the result is or holds an object of a binding library
#include "freshframe/gil.hpp"

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

nb::object work(gil::Held& held) {
#ifdef FIXED
  return nb::cast(gil::release(held, [] { return 1; }));
#else
  return gil::release(held, [] { return nb::object(); });
#endif
}
