// The twin of ../refused/capture_an_object.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

void work(gil::Held& held, nb::object object) {
  gil::release(held, [](double value) { (void)value; }, nb::cast<double>(object));
}
