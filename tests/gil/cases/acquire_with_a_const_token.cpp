// A const token takes nothing.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::acquire: needs this scope's token as gil::Released&, not const
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Released& released) {
  gil::acquire(released, [](gil::Held&) {});
}
#else
void work(const gil::Released& released) {
  gil::acquire(released, [](gil::Held&) {});
}
#endif
