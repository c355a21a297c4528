// A Python object is captured.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: the function captures something
#include "freshframe/gil.hpp"

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

void work(gil::Held& held, nb::object object) {
#ifdef FIXED
  gil::release(held, [](double value) { (void)value; }, nb::cast<double>(object));
#else
  gil::release(held, [object] { (void)object; });
#endif
}
