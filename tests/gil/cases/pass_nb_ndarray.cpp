// An array of nanobind drops its owner when it is destroyed.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds an object of a binding library
#include "freshframe/gil.hpp"

#include <span>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

#ifdef FIXED
void work(gil::Held& held, const std::span<const double>& a) {
  gil::release(held, [](const std::span<const double>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const nb::ndarray<const double>& a) {
  gil::release(held, [](const nb::ndarray<const double>& b) { (void)b; }, a);
}
#endif
