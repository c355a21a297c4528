// The GIL is released around a function that takes an object.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds an object of a binding library
#include "freshframe/gil.hpp"

#include <cstddef>

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

#ifdef FIXED
std::size_t length(gil::Held& /*held*/, const nb::list& list) {
  return list.size();
}
#else
std::size_t length(gil::Released& /*released*/, const nb::list& list) {
  return list.size();
}
#endif

auto bound = gil::entry<&length>;
