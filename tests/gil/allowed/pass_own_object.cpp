// The twin of ../refused/pass_own_object.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct State {
  int frames;
};

struct Camera {
  PyObject_HEAD State state;
};

void work(gil::Held& held, State* a) {
  gil::release(held, [](State* b) { (void)b; }, a);
}
