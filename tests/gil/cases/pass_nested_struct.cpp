// A struct in a struct in a struct.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds an object of a binding library
#include "freshframe/gil.hpp"

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

struct Inner {
#ifdef FIXED
  int values;
#else
  nb::list values;
#endif
};

struct Outer {
  int id;
  struct {
    Inner inner;
  } middle;
};

void work(gil::Held& held, const Outer& a) {
  gil::release(held, [](const Outer& b) { (void)b; }, a);
}
