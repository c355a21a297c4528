// The twin of ../refused/acquire_while_held.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Released& released) {
  gil::acquire(released, [](gil::Held&) {});
}
