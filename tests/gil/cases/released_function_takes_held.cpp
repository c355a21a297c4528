// The released function asks for the other token.
// SPDX-License-Identifier: Apache-2.0
// expect: the GIL is already released here and the called function needs gil::Held
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held) {
#ifdef FIXED
  gil::release(held, [](gil::Released& /*inner*/) {});
#else
  gil::release(held, [](gil::Held& /*inner*/) {});
#endif
}
