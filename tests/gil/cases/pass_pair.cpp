// A pair with an object in it.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds an object of a binding library
#include "freshframe/gil.hpp"

#include <utility>

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

#ifdef FIXED
using Pair = std::pair<int, double>;
#else
using Pair = std::pair<int, nb::str>;
#endif

void work(gil::Held& held, const Pair& a) {
  gil::release(held, [](const Pair& b) { (void)b; }, a);
}
