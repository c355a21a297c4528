// The twin of ../refused/make_a_released_token.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Released& released) {
  gil::acquire(released, [](gil::Held&) {});
}
