// An object is freed while the GIL is released.
// SPDX-License-Identifier: Apache-2.0
// expect: the GIL is already released here and the called function needs gil::Held
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held, gil::Ref& ref) {
#ifdef FIXED
  gil::release(held, [](gil::Ref& r) { r = gil::Ref(); }, ref);
#else
  gil::release(held, [](gil::Released& released, gil::Ref& r) { r.clear(released); }, ref);
#endif
}
