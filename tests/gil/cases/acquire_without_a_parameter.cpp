// The function does not take the token that it is given.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::acquire: the function cannot be called as f(gil::Held&, args...)
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Released& released) {
#ifdef FIXED
  gil::acquire(released, [](gil::Held&) {});
#else
  gil::acquire(released, [] {});
#endif
}
