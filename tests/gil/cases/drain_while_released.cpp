// What waits to be freed is freed while the GIL is released.
// SPDX-License-Identifier: Apache-2.0
// expect: the GIL is already released here and the called function needs gil::Held
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held) {
#ifdef FIXED
  (void)gil::DeferredFree::instance().drain(held);
#else
  gil::release(held, [](gil::Released& released) { (void)gil::DeferredFree::instance().drain(released); });
#endif
}
