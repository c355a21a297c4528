// The twin of ../refused/pass_nested_struct.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct Inner {
  int values;
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
