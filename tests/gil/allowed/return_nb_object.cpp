// The twin of ../refused/return_nb_object.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

nb::object work(gil::Held& held) {
  return nb::cast(gil::release(held, [] { return 1; }));
}
