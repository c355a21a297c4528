// The twin of ../refused/release_with_the_outer_token.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held) {
  gil::release(held, [](gil::Released& released) {
    gil::acquire(released, [](gil::Held& inner) { gil::release(inner, [] {}); });
  });
}
