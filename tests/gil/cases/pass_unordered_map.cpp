// A hash table of objects.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds an object of a binding library
#include "freshframe/gil.hpp"

#include <unordered_map>

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

#ifdef FIXED
using Map = std::unordered_map<int, gil::Ref>;
#else
using Map = std::unordered_map<int, nb::object>;
#endif

void work(gil::Held& held, const Map& a) {
  gil::release(held, [](const Map& b) { (void)b; }, a);
}
