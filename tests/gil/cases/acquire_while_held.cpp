// The GIL is taken where it is held.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::acquire: the GIL is already held in this scope
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Released& released) {
  gil::acquire(released, [](gil::Held&) {});
}
#else
void work(gil::Held& held) {
  gil::acquire(held, [](gil::Held&) {});
}
#endif
