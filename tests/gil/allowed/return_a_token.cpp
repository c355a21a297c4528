// The twin of ../refused/return_a_token.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held) {
  gil::release(held, [](gil::Released& released) -> void { gil::acquire(released, [](gil::Held&) {}); });
}
