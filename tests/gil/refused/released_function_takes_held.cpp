// The released function asks for the other token.
// SPDX-License-Identifier: Apache-2.0
// expect: the GIL is already released here and what is called needs gil::Held
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held) {
  gil::release(held, [](gil::Held& /*inner*/) {});
}
