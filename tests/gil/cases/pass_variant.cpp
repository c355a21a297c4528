// A variant that may be an object.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds an object of a binding library
#include "freshframe/gil.hpp"

#include <variant>

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

#ifdef FIXED
using Variant = std::variant<int, gil::Ref>;
#else
using Variant = std::variant<int, nb::object>;
#endif

void work(gil::Held& held, const Variant& a) {
  gil::release(held, [](const Variant& b) { (void)b; }, a);
}
