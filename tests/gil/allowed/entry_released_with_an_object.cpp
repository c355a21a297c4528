// The twin of ../refused/entry_released_with_an_object.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <cstddef>

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

std::size_t length(gil::Held& /*held*/, const nb::list& list) {
  return list.size();
}

auto bound = gil::entry<&length>;
