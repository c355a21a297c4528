// An extension type's struct begins with PyObject_HEAD.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a PyObject*
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct State {
  int frames;
};

struct Camera {
  PyObject_HEAD State state;
};

#ifdef FIXED
void work(gil::Held& held, State* a) {
  gil::release(held, [](State* b) { (void)b; }, a);
}
#else
void work(gil::Held& held, Camera* a) {
  gil::release(held, [](Camera* b) { (void)b; }, a);
}
#endif
