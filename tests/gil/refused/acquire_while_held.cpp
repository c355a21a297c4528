// The GIL is taken where it is held.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::acquire: the GIL is already held in this scope
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held) {
  gil::acquire(held, [](gil::Held&) {});
}
