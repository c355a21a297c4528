// Touches a Python list while the GIL is released: refused by the compiler.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <cstddef>

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

// EXPECT: gil::release: an argument is or holds an object of a binding library
std::size_t scoped(gil::Held& held, const nb::list& numbers) {
  return gil::release(held, [](const nb::list& list) { return list.size(); }, numbers);
}
